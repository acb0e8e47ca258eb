import { RfwError } from '../../domain/errors.ts';
import { NetlinkError } from '../../netlink/errno.ts';
import { EncodeError } from '../../netlink/errors.ts';

/** Errors after which nobody knows whether the kernel took the change: the answer is missing, not negative. */
const unknownOutcomes: readonly string[] = ['ENOBUFS', 'EPROTO', 'EBADF'];

/** Whether the kernel may have taken the change all the same. */
export function isUnknown(error: unknown): boolean {
  return !(error instanceof RfwError) && !(error instanceof EncodeError) && !isRefusal(error);
}

function isRefusal(error: unknown): boolean {
  return error instanceof NetlinkError && !unknownOutcomes.includes(error.code);
}

/** What netlink threw, as an error of the domain. */
export function asRfwError(error: unknown): unknown {
  if (error instanceof NetlinkError) {
    if (error.code === 'EPERM') {
      return new RfwError(
        'state-in-use',
        `${error.message}. Where that is another rfw, or another program, end it first: nft list table inet rfw names it`,
        { cause: error },
      );
    }
    const code = isRefusal(error) ? 'kernel-refused' : 'kernel-unavailable';
    return new RfwError(code, `nf_tables: ${error.message}`, { cause: error });
  }
  if (error instanceof EncodeError)
    return new RfwError('kernel-refused', `nf_tables: ${error.message}`, { cause: error });
  return error;
}
