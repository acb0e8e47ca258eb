import { constants } from 'node:os';

/** What the errors that netlink and nf_tables give mean there, in the words of an operator rather than of errno(3). */
const meanings = {
  EPERM: 'not permitted: CAP_NET_ADMIN is missing, or another process owns the table',
  ENOENT: 'there is no such object',
  EINTR: 'interrupted, or the ruleset changed while it was read',
  EAGAIN: 'nothing to receive',
  ENOMEM: 'the kernel is out of memory, or the socket is over its limit',
  EACCES: 'access denied',
  EBUSY: 'the object is in use',
  EEXIST: 'the object exists already',
  ENODEV: 'there is no such device',
  EINVAL: 'the kernel finds the request invalid',
  ENFILE: 'the set is full, or too many files are open in the system',
  EMFILE: 'the process has too many files open',
  ENOSPC: 'no space is left',
  ERANGE: 'a number is out of range',
  EDEADLK: 'chains jump to each other in a circle',
  ENAMETOOLONG: 'a name is too long',
  ELOOP: 'chains jump to each other in a circle',
  EMLINK: 'chains jump to each other in a circle, or too deep',
  EPROTO: 'the kernel answered against the protocol',
  EOVERFLOW: 'a value is too large',
  ERESTART: 'the ruleset changed since it was read',
  EMSGSIZE: 'the request is larger than the send buffer',
  EOPNOTSUPP: 'this kernel does not support it',
  EAFNOSUPPORT: 'this kernel has no support for the family',
  ENOBUFS: 'the receive buffer overran',
  ECONNREFUSED: 'nobody listens there',
} as const;

/** The names of errno values by number, on this architecture; aliases resolve to the name that is in the table above. */
const names = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) {
  if (!names.has(number) || name in meanings) names.set(number, name);
}
// Node leaves out what no system call of its own returns. asm-generic/errno.h; ENOTSUPP leaks from inside the kernel.
for (const [number, name] of [[85, 'ERESTART'] as const, [524, 'ENOTSUPP'] as const]) {
  if (!names.has(number)) names.set(number, name);
}

/** The symbol of an errno, such as EEXIST, or `errno 1234` for one without a name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

function meaningOf(name: string): string | undefined {
  return Object.hasOwn(meanings, name) ? meanings[name as keyof typeof meanings] : undefined;
}

/** What is known of a refusal beside its errno. */
export interface Refusal {
  /** The symbol of an errno that only one protocol has, such as IPSET_ERR_BUSY. */
  readonly code?: string | undefined;
  /** What was asked, such as `add rule inet rfw input`. */
  readonly operation: string;
  /** Its place in the batch, from 0; absent when the batch as a whole was refused, or there was none. */
  readonly index?: number | undefined;
  /** The kernel's own words. NLMSGERR_ATTR_MSG */
  readonly reason?: string | undefined;
  /** The attribute that the kernel objects to, such as `elements[37]`. Resolved from NLMSGERR_ATTR_OFFS */
  readonly attribute?: string | undefined;
}

/** The kernel refused, or the socket failed: the one error of everything that isn't about bytes and values. */
export class NetlinkError extends Error implements Refusal {
  /** Positive, as in errno(3). */
  readonly errno: number;
  /** The symbol, such as EEXIST: what a caller compares with. */
  readonly code: string;
  readonly operation: string;
  readonly index: number | undefined;
  readonly reason: string | undefined;
  readonly attribute: string | undefined;
  /** What else was refused in the same batch, in the order of the batch. The kernel goes on after the first refusal. */
  readonly others: readonly NetlinkError[];

  constructor(errno: number, refusal: Refusal, others: readonly NetlinkError[] = []) {
    const code = refusal.code ?? errnoName(errno);
    const why = refusal.reason ?? meaningOf(code);
    const where = refusal.attribute === undefined ? '' : ` at ${refusal.attribute}`;
    super(`${refusal.operation}: ${why === undefined ? code : `${why} (${code}${where})`}`);
    this.name = 'NetlinkError';
    this.errno = errno;
    this.code = code;
    this.operation = refusal.operation;
    this.index = refusal.index;
    this.reason = refusal.reason;
    this.attribute = refusal.attribute;
    this.others = others;
  }

  /** The same refusal, with the others of its batch. */
  with(others: readonly NetlinkError[]): NetlinkError {
    return new NetlinkError(this.errno, this, others);
  }

  /** An error that this side of the socket found. */
  static of(code: keyof typeof constants.errno, operation: string, reason: string): NetlinkError {
    return new NetlinkError(constants.errno[code], { operation, reason });
  }
}
