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
  | 'whitelist-conflict'
  | 'list-invalid'
  | 'list-refused'
  | 'whitelist-invalid'
  | 'config-invalid'
  | 'certificate-invalid'
  | 'unsupported'
  | 'lists-unsupported'
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

/** The text of anything that was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
