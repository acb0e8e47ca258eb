import { RfwError } from '../../domain/errors.ts';
import type { Backend, Capabilities, Repair, RuleState, Total } from '../backend.ts';

export interface NftablesOptions {
  /** Whether packets and bytes are counted for each rule. */
  readonly counters: boolean;
  /** Whether reject answers TCP with a reset. */
  readonly rejectTcpWithReset: boolean;
}

/** Holds the place of the backend for nf_tables: it works on no kernel yet, and says so. */
export class NftablesBackend implements Backend {
  readonly name = 'nftables';
  readonly marksItsOwn = true;

  constructor(_options: NftablesOptions) {}

  async probe(): Promise<Capabilities> {
    return unavailable();
  }

  read(): AsyncIterable<readonly RuleState[]> {
    return unavailable();
  }

  async totals(): Promise<readonly Total[]> {
    return unavailable();
  }

  async apply(): Promise<void> {
    unavailable();
  }

  async replace(): Promise<Repair> {
    return unavailable();
  }

  async intact(): Promise<boolean> {
    return unavailable();
  }

  watch(): () => void {
    return () => {};
  }

  async teardown(): Promise<readonly string[]> {
    return unavailable();
  }

  memory(): undefined {
    return undefined;
  }

  async resume(): Promise<boolean> {
    return false;
  }

  close(): void {}
}

function unavailable(): never {
  throw new RfwError('kernel-unavailable', 'nf_tables can not be spoken to yet');
}
