import { formatPrefix, type Prefix } from './address.ts';

/**
 * The guard of the outward server's port: TCP to and from it passes for the allowed addresses and is dropped
 * for all others, above every rule.
 */
export interface PortGuard {
  readonly port: number;
  readonly allowed: readonly Prefix[];
}

/** The identity of a guard as text. */
export function guardKey(guard: PortGuard | null): string {
  return guard === null ? 'none' : `${guard.port} ${guard.allowed.map(formatPrefix).join(' ')}`;
}
