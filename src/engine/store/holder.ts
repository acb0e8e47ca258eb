import type { BackendName, Leftovers } from '../../backends/backend.ts';
import { parsePrefix } from '../../domain/address.ts';
import type { PortGuard } from '../../domain/guard.ts';
import { formatSide, parseRuleKey, ruleKey } from '../../domain/rule.ts';

/** A packet filter into which rfw may have put something. */
export interface Holder {
  readonly name: BackendName;
  /** Which of several there are under that name: `nf_tables` or `legacy` for iptables, else empty. */
  readonly variant: string;
  /** The program by which it is reached; empty where there is none, or where that of the configuration is meant. */
  readonly path: string;
  /** On which start of the machine it was filled: what it holds doesn't survive the next one. */
  readonly bootId: string;
  /** What it may hold besides what the rules, the guard and the notes of the store say. */
  readonly leftovers: Leftovers;
}

/** A guard as JSON. */
export interface StoredGuard {
  readonly port: number;
  readonly allowed: readonly string[];
}

export function storedGuard(guard: PortGuard): StoredGuard {
  return { port: guard.port, allowed: guard.allowed.map(formatSide) };
}

export function readGuard(guard: StoredGuard): PortGuard {
  return { port: guard.port, allowed: guard.allowed.map(parsePrefix) };
}

/** A holder as JSON. */
export interface StoredHolder extends Omit<Holder, 'leftovers'> {
  readonly rules: readonly string[];
  readonly guards: readonly StoredGuard[];
}

export function storedHolder({ leftovers, ...holder }: Holder): StoredHolder {
  return { ...holder, rules: leftovers.rules.map(ruleKey), guards: leftovers.guards.map(storedGuard) };
}

export function readHolder({ rules, guards, ...holder }: StoredHolder): Holder {
  return { ...holder, leftovers: { rules: rules.map(parseRuleKey), guards: guards.map(readGuard) } };
}

/** The one of an rfw that noted none yet: it knew nothing but iptables. */
export function formerHolder(bootId: string): Holder {
  return { name: 'iptables', variant: '', path: '', bootId, leftovers: { rules: [], guards: [] } };
}
