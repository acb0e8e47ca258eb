import type { ErrorCode } from '../domain/errors.ts';

/** How both APIs answer an error. */
export interface Problem {
  readonly status: number;
  /** What kind of error it is, in a few words that don't change with the occurrence (RFC 9457, section 3.1.3). */
  readonly title: string;
}

const problem = (status: number, title: string): Problem => ({ status, title });

/** The HTTP status and the title of every error: the one table that both APIs answer by. */
export const problems = {
  'path-invalid': problem(400, 'The path is not one of the API'),
  'action-invalid': problem(400, 'No such action'),
  'chain-invalid': problem(400, 'No such chain'),
  'interface-invalid': problem(400, 'The interface is not valid'),
  'address-invalid': problem(400, 'The address is not valid'),
  'mask-invalid': problem(400, 'The prefix length is not valid'),
  'family-mismatch': problem(400, 'IPv4 and IPv6 are mixed'),
  'expire-invalid': problem(400, 'The time is not valid'),
  'query-invalid': problem(400, 'The query is not valid'),
  'id-invalid': problem(400, 'The id is not valid'),
  'precondition-failed': problem(412, 'It is not as the request expects it'),
  'cursor-invalid': problem(400, 'The cursor is not valid'),
  'not-applied': problem(409, 'Others of the same group were refused'),
  'batch-refused': problem(409, 'Nothing of the batch was done'),
  compacted: problem(410, 'The changes are not recorded any more'),
  'self-exclusion': problem(409, 'It would lock you out'),
  'entry-fixed': problem(409, 'The entry is from the file'),
  'key-reused': problem(422, 'The Idempotency-Key is taken'),
  'same-connection': problem(409, 'The connection is not a new one'),
  'whitelist-conflict': problem(400, 'The whitelist protects this address'),
  'list-invalid': problem(400, 'The list is not valid'),
  'list-refused': problem(422, 'The list is not taken'),
  'token-invalid': problem(400, 'The token can not be made like that'),
  unauthenticated: problem(401, 'Credentials are needed'),
  forbidden: problem(403, 'The principal may not do this'),
  'beyond-limits': problem(403, 'The principal may not do this much'),
  'not-owner': problem(403, 'It belongs to somebody else'),
  'token-exists': problem(409, 'A token has this name already'),
  'rate-limited': problem(429, 'Too many requests'),
  'whitelist-invalid': problem(500, 'The whitelist is not valid'),
  'config-invalid': problem(500, 'The configuration is not valid'),
  'certificate-invalid': problem(500, 'The certificate can not be used'),
  'lists-unsupported': problem(501, 'The kernel has no lists for this backend'),
  unsupported: problem(503, 'The kernel lacks what this needs'),
  'kernel-refused': problem(503, 'The kernel refused the change'),
  'kernel-unavailable': problem(503, 'The kernel can not be asked'),
  'store-failed': problem(503, 'The change could not be stored'),
  'state-in-use': problem(503, 'Another process has the state folder'),
  overloaded: problem(503, 'Too much waits already'),
  stopping: problem(503, 'rfw is stopping'),
  starting: problem(503, 'rfw is not ready yet'),
  degraded: problem(503, 'The kernel does not hold the rules'),
  'request-invalid': problem(400, 'The request is not valid'),
  'body-missing': problem(400, 'A body is needed'),
  'body-unexpected': problem(400, 'A body has no meaning here'),
  'json-malformed': problem(400, 'The body is not JSON'),
  'request-timeout': problem(408, 'The request took too long to come in'),
  'url-too-long': problem(414, 'The path and query are too long'),
  'headers-too-large': problem(431, 'The headers are too large'),
  'body-too-large': problem(413, 'The body is too large'),
  'content-type-unsupported': problem(415, 'The body has a type that is not taken here'),
  'not-found': problem(404, 'Nothing is here'),
  'method-not-allowed': problem(405, 'The method is not allowed here'),
  'not-whitelisted': problem(403, 'The address of the client is not in the whitelist'),
  'cross-site': problem(403, 'Requests from other sites are refused'),
  internal: problem(500, 'rfw failed'),
} as const satisfies Record<ErrorCode, Problem>;

/** The code of what the HTTP framework refuses by itself; undefined for what isn't the fault of the client. */
export function codeOfStatus(status: number): ErrorCode | undefined {
  if (status === 408) return 'request-timeout';
  if (status === 413) return 'body-too-large';
  if (status === 414) return 'url-too-long';
  if (status === 415) return 'content-type-unsupported';
  return status >= 400 && status < 500 ? 'request-invalid' : undefined;
}

/** The stable name of a kind of error (RFC 9457, section 3.1.1): a URN, since nothing has to be at the other end of it. */
export function problemType(code: ErrorCode): string {
  return `urn:rfw:problem:${code}`;
}
