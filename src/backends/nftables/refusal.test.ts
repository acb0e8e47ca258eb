import { expect, it } from 'vitest';
import { RfwError } from '../../domain/errors.ts';
import { NetlinkError } from '../../netlink/errno.ts';
import { EncodeError } from '../../netlink/errors.ts';
import { asRfwError, isUnknown } from './refusal.ts';

const netlink = (code: 'EPERM' | 'ENOMEM' | 'ENFILE' | 'ENOBUFS' | 'EPROTO' | 'EBADF'): NetlinkError =>
  NetlinkError.of(code, 'add element inet rfw s', 'why');

it.each<[string, unknown, string]>([
  [
    'a refusal',
    netlink('ENOMEM'),
    'kernel-refused: nf_tables: add element inet rfw s: why (ENOMEM), the kernel has not',
  ],
  [
    'a full set',
    netlink('ENFILE'),
    'kernel-refused: nf_tables: add element inet rfw s: why (ENFILE), the kernel has not',
  ],
  [
    'a lost answer',
    netlink('ENOBUFS'),
    'kernel-unavailable: nf_tables: add element inet rfw s: why (ENOBUFS), unknown',
  ],
  ['no answer', netlink('EPROTO'), 'kernel-unavailable: nf_tables: add element inet rfw s: why (EPROTO), unknown'],
  ['a closed socket', netlink('EBADF'), 'kernel-unavailable: nf_tables: add element inet rfw s: why (EBADF), unknown'],
  [
    'a table of somebody else',
    netlink('EPERM'),
    'state-in-use: add element inet rfw s: why (EPERM). Where that is another rfw, or another program, end it first: nft list table inet rfw names it, the kernel has not',
  ],
  [
    'what does not fit on the wire',
    new EncodeError('too long'),
    'kernel-refused: nf_tables: too long, the kernel has not',
  ],
  ['an error of the domain', new RfwError('unsupported', 'no'), 'unsupported: no, the kernel has not'],
])('%s is said in words, and whether the kernel may have made the change', (_, error, words) => {
  const said = asRfwError(error);
  if (!(said instanceof RfwError)) throw said;
  expect(`${said.code}: ${said.message}, ${isUnknown(error) ? 'unknown' : 'the kernel has not'}`).toBe(words);
});

it('what is no error of theirs stays what it is, and leaves all in doubt', () => {
  const bug = new TypeError('undefined is not a function');
  expect(asRfwError(bug)).toBe(bug);
  expect(isUnknown(bug)).toBe(true);
});
