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
  | 'precondition-failed'
  | 'not-applied'
  | 'batch-refused'
  | 'key-reused'
  | 'compacted'
  | 'self-exclusion'
  | 'entry-fixed'
  | 'same-connection'
  | 'whitelist-conflict'
  | 'token-invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'beyond-limits'
  | 'token-exists'
  | 'rate-limited'
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
  | 'overloaded'
  | 'stopping'
  | 'starting'
  | 'degraded'
  | RequestCode;

/** What is wrong with a request itself, before anything of it is done. */
type RequestCode =
  | 'request-invalid'
  | 'body-missing'
  | 'body-unexpected'
  | 'json-malformed'
  | 'request-timeout'
  | 'url-too-long'
  | 'headers-too-large'
  | 'body-too-large'
  | 'content-type-unsupported'
  | 'not-found'
  | 'method-not-allowed'
  | 'not-whitelisted'
  | 'cross-site'
  | 'internal';

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
