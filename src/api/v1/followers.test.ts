import { expect, it } from 'vitest';
import { Followers } from './followers.ts';

it('lets each principal have two hundred streams, and another when one has ended', () => {
  const followers = new Followers();
  const ends = Array.from({ length: 200 }, () => followers.add('token:a'));
  const refusal = expect.objectContaining({ code: 'rate-limited' });
  expect(() => followers.add('token:a')).toThrow(refusal);
  const other = followers.add('token:b');
  ends[0]?.();
  followers.add('token:a');
  expect(() => followers.add('token:a')).toThrow(refusal);
  other();
});
