/**
 * Everything that rfw refuses or fails at, by stable code. A code says what kind of thing went wrong;
 * the message says what to do about it and may change.
 */
export type ErrorCode =
  | 'path-invalid'
  | 'action-invalid'
  | 'chain-invalid'
  | 'interface-invalid'
  | 'address-invalid'
  | 'mask-invalid'
  | 'family-mismatch'
  | 'expire-invalid'
  | 'query-invalid'
  | 'id-invalid'
  | 'cursor-invalid'
  | 'not-owner'
  | 'not-applied'
  | 'whitelist-conflict'
  | 'whitelist-invalid'
  | 'config-invalid'
  | 'certificate-invalid'
  | 'unsupported'
  | 'kernel-refused'
  | 'kernel-unavailable'
  | 'store-failed'
  | 'state-in-use'
  | 'stopping';

/** The one error class of the domain. */
export class RfwError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RfwError';
    this.code = code;
  }
}

/** Whatever was thrown as an error of the domain. What isn't one came from below: the kernel, or the way to it. */
export function asRfwError(error: unknown): RfwError {
  return error instanceof RfwError ? error : new RfwError('kernel-unavailable', reasonOf(error), { cause: error });
}

/** The text of anything that was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
