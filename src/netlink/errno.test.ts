import { expect, it } from 'vitest';
import { errnoName, NetlinkError } from './errno.ts';

it.each([
  [1, 'EPERM'],
  [2, 'ENOENT'],
  [11, 'EAGAIN'],
  [12, 'ENOMEM'],
  [17, 'EEXIST'],
  [85, 'ERESTART'],
  [95, 'EOPNOTSUPP'],
  [105, 'ENOBUFS'],
  [524, 'ENOTSUPP'],
  [4000, 'errno 4000'],
])('%d is %s', (errno, name) => {
  expect(errnoName(errno)).toBe(name);
});

it('says what was asked, and why not', () => {
  expect(new NetlinkError(2, { operation: 'delete set inet t s' }).message).toBe(
    'delete set inet t s: there is no such object (ENOENT)',
  );
  expect(new NetlinkError(4000, { operation: 'socket' }).message).toBe('socket: errno 4000');
});
