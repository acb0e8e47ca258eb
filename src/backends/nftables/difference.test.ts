import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ruleKey } from '../../domain/rule.ts';
import { rule } from '../rule.fixture.ts';
import { difference } from './difference.ts';
import { Mirror } from './mirror.ts';

const all = ['1', '2', '3', '4', '5'];
const text = (name: string): string => `drop input any any 10.0.0.${name}/32 any`;
const nameOf = (key: string): string => /10\.0\.0\.(\d)/.exec(key)?.[1] ?? '?';

function standing(names: readonly string[]): Mirror {
  const mirror = Mirror.empty();
  for (const name of names) mirror.put(rule(text(name)), false);
  return mirror;
}

/** What is between two lists, as `add 4 5, remove 1, moved 2`. */
function between(stand: readonly string[], wanted: readonly string[]): string {
  const { add, remove, moved } = difference(
    standing(stand),
    wanted.map((name) => rule(text(name))),
  );
  const names = (specs: readonly Parameters<typeof ruleKey>[0][]): string =>
    specs
      .map((spec) => nameOf(ruleKey(spec)))
      .toSorted()
      .join(' ');
  return `add ${names(add)}, remove ${names(remove)}, moved ${moved}`;
}

it.each([
  ['nothing', '', '', 'add , remove , moved 0'],
  ['all as it should be', '123', '123', 'add , remove , moved 0'],
  ['all of it', '', '123', 'add 1 2 3, remove , moved 0'],
  ['what is newest', '12', '123', 'add 3, remove , moved 0'],
  ['what nobody wants', '1234', '24', 'add , remove 1 3, moved 0'],
  ['some more and some less', '123', '234', 'add 4, remove 1, moved 0'],
  ['another order', '123', '213', 'add , remove , moved 1'],
  ['what stands below one that is missing', '13', '123', 'add 2, remove , moved 1'],
  ['one that has to be above one that is newer', '123', '231', 'add , remove , moved 1'],
])('between lists is %s', (_, stand, wanted, expected) => {
  expect(between([...stand], [...wanted])).toBe(expected);
});

it('taking out and putting on top makes the list that is wanted whenever nothing moved', () => {
  const lists = fc.tuple(fc.shuffledSubarray(all), fc.shuffledSubarray(all));
  fc.assert(
    fc.property(lists, ([stand, wanted]) => {
      const { add, remove, moved } = difference(
        standing(stand),
        wanted.map((name) => rule(text(name))),
      );
      const gone = remove.map((spec) => nameOf(ruleKey(spec)));
      const made = [...stand.filter((name) => !gone.includes(name)), ...add.map((spec) => nameOf(ruleKey(spec)))];
      expect(made.join('') === wanted.join('')).toBe(moved === 0);
    }),
  );
});

it('a rule that was taken out and put back has the place that it had', () => {
  const mirror = standing(['1', '2', '3']);
  mirror.untake(mirror.take(rule(text('1'))));
  expect(
    difference(
      mirror,
      ['1', '2', '3'].map((name) => rule(text(name))),
    ).moved,
  ).toBe(0);
});
