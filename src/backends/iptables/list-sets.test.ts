import { describe, expect, it } from 'vitest';
import { NetlinkError } from '../../netlink/errno.ts';
import { asRfwError, timeoutOf } from './list-sets.ts';

describe('the timeout of entries', () => {
  const now = Date.UTC(2026, 0, 1);

  it.each([
    ['for ever', null, undefined],
    ['a minute', 60_000, 65],
    ['a part of a second', 60_001, 66],
    ['what has ended', -1000, 5],
    ['as long as the kernel counts', 2_147_478_000, 2_147_483],
    ['longer', 2_147_478_001, undefined],
  ])('is a bit longer than %s', (_, left, timeout) => {
    expect(timeoutOf(left === null ? null : now + left, now)).toBe(timeout);
  });
});

describe('what the kernel says', () => {
  it('is a refusal, or the lack of an answer, or nothing of the kernel', () => {
    expect(asRfwError(NetlinkError.of('EPERM', 'create rfw-x-4', 'not permitted'))).toMatchObject({
      code: 'kernel-refused',
      message: 'ipset: create rfw-x-4: not permitted (EPERM)',
    });
    expect(asRfwError(NetlinkError.of('EPROTO', 'add rfw-x-4', 'no answer'))).toMatchObject({
      code: 'kernel-unavailable',
    });
    const own = new TypeError('own');
    expect(asRfwError(own)).toBe(own);
  });
});
