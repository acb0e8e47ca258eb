import { describe, expect, it } from 'vitest';
import { changedLists } from './backend.ts';
import { list } from './list.fixture.ts';

const lists = (text: string) =>
  text
    .split(' ')
    .filter(Boolean)
    .map((word) => list(`${word[0]} ${word[1]} drop input any any`));

describe('the lists that differ', () => {
  it.each([
    ['', '', 0],
    ['a1 b1', 'a1 b1', 0],
    ['', 'a1 b1', 2],
    ['a1 b1', '', 2],
    ['a1 b1', 'a1 b2', 1],
    ['a1 b1 c1', 'a1 c1', 1],
    ['a1 c1', 'a1 b1 c1', 1],
    ['a1 b1', 'b1 a1', 2],
    ['a1 b1', 'c1 b1 d1', 3],
  ])('of %j from %j are %i', (standing, wanted, count) => {
    expect(changedLists(lists(standing), lists(wanted))).toBe(count);
  });
});
