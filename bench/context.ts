import type { Findings } from './finding.ts';
import type { Installation } from './installation.ts';

export const benchBackends = ['nftables', 'iptables', 'memory'] as const;
export type BenchBackend = (typeof benchBackends)[number];

/** What all benches are told. */
export interface Context {
  readonly repetitions: number;
  /** How many rules a million is: less in a quick run. */
  readonly million: number;
  /** Seconds that one measurement over time takes. */
  readonly seconds: number;
  /** For files, on a real disk. */
  readonly folder: string;
  readonly installation: Installation;
  /** The C programs, by name. */
  readonly load: string;
  readonly flood: string;
  /** What the daemon is measured with. */
  readonly backend: BenchBackend;
  /** Tells somebody who waits how far it is. */
  readonly say: (text: string) => void;
}

export type Bench = (context: Context) => Promise<Findings>;

/** A bench that measured nothing is a defect. */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`The bench measured something else than it should: ${what}`);
}
