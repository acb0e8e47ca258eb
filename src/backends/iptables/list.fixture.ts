import type { EnforcedList } from '../../domain/list.ts';
import { list } from '../list.fixture.ts';

let versions = 1_000_000;

/** A list of a version that no other has, from `name action chain in out`, and in forward the side. */
export function listFrom(
  text: string,
  entries: readonly string[],
  more: Partial<Pick<EnforcedList, 'expiresAt'>> = {},
): EnforcedList {
  const [name, ...rest] = text.split(' ');
  return { ...list([name, versions++, ...rest].join(' '), ...entries), ...more };
}
