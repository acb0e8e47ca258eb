import { type Address, type Family, type Prefix, prefixOf, rangeContains, rangeOf } from '../domain/address.ts';
import type { Action, Chain } from '../domain/rule.ts';
import type { Shape } from '../domain/shape.ts';
import { ipv6Words, splitWords } from '../domain/words.ts';
import { textTest } from './rule-text.ts';
import type { RuleColumns } from './ruleset.ts';

/** Which rules are meant: those that are all that is given here. */
export interface RuleFilter {
  readonly chain?: Chain;
  readonly action?: Action;
  /** The source or the destination holds this address. A side that is any address doesn't count. */
  readonly contains?: Address;
  /** The source or the destination lies in this network. A side that is any address doesn't. */
  readonly within?: Prefix;
  readonly origin?: string;
  /** They end before this instant, in milliseconds since the epoch. */
  readonly expiresBefore?: number;
  /** Is part of the comment, the origin or the id, where a slash fits the `_`. Upper and lower case are the same. */
  readonly q?: string;
}

/** Whether the rule of a row is meant. Holds until the rules change. */
export type RowTest = (row: number) => boolean;

/** What the shape of a row tells: that its rule isn't meant, or is if its address has the bits that are asked for. */
const excluded = 1;
const included = 2;
const askContains = 4;
const askWithin = 8;

/** The test of a filter. */
export function rowTest(columns: RuleColumns, filter: RuleFilter): RowTest {
  const tests: RowTest[] = [];
  if ((filter.chain ?? filter.action ?? filter.contains ?? filter.within) !== undefined) {
    tests.push(shapeTest(columns, filter));
  }
  if (filter.origin !== undefined) tests.push(originTest(columns, filter.origin));
  const { expiries } = columns;
  const { expiresBefore, q } = filter;
  if (expiresBefore !== undefined) tests.push((row) => (expiries[row] ?? 0) < expiresBefore);
  // Last, since it takes longest.
  if (q !== undefined) tests.push(textTest(columns, q));
  const [first, ...others] = tests;
  if (first === undefined) return () => true;
  return others.reduce((before, test) => (row) => before(row) && test(row), first);
}

/** Whether it is known without a look at the rows that no rule is meant. */
export function meansNothing({ specs, texts }: RuleColumns, filter: RuleFilter): boolean {
  if (filter.origin !== undefined && texts.find(filter.origin) < 0) return true;
  for (const { shape } of specs.shapes()) if (verdictOn(shape, filter) !== excluded) return false;
  return true;
}

/** How many rules are meant, where the shapes alone tell. */
export function countByShape({ specs }: RuleColumns, filter: RuleFilter): number | undefined {
  const { chain, action, ...others } = filter;
  if (Object.values(others).some((value) => value !== undefined)) return undefined;
  if ((chain ?? action) === undefined) return specs.size;
  let count = 0;
  for (const { shape, uses } of specs.shapes()) if (isOfKind(shape, filter)) count += uses;
  return count;
}

/**
 * The rows of all rules that have an address in a side, ascending, found by each length that a prefix has. Undefined where
 * each row has to be looked at: of rules with two sides only one is found like that.
 */
export function rowsHolding({ specs }: RuleColumns, address: Address): number[] | undefined {
  const rows: number[] = [];
  for (const { id, shape } of specs.shapes()) {
    if (shape.other !== undefined && rangeContains(rangeOf(shape.other), address)) return undefined;
    if (shape.family !== address.family) continue;
    const row = specs.findIn(id, prefixOf(address, shape.length));
    if (row >= 0) rows.push(row);
  }
  return rows.sort((a, b) => a - b);
}

function isOfKind(shape: Shape, { chain, action }: RuleFilter): boolean {
  return (chain === undefined || shape.chain === chain) && (action === undefined || shape.action === action);
}

function shapeTest({ specs }: RuleColumns, filter: RuleFilter): RowTest {
  const { contains, within } = filter;
  const holder = bitsOf(contains);
  const network = bitsOf(within);
  const networkLength = within?.length ?? 0;
  /** By the number of the shape, when it has been asked for. */
  const verdicts: number[] = [];
  return (row) => {
    const shape = specs.shapeOf(row);
    let verdict = verdicts[shape];
    if (verdict === undefined) {
      verdict = verdictOn(specs.shape(shape), filter);
      verdicts[shape] = verdict;
    }
    if (verdict <= included) return verdict === included;
    if ((verdict & askContains) !== 0 && !shares(specs, row, holder, specs.shape(shape).length)) return false;
    return (verdict & askWithin) === 0 || shares(specs, row, network, networkLength);
  };
}

function verdictOn(shape: Shape, filter: RuleFilter): number {
  const { contains, within } = filter;
  const { family, length, other } = shape;
  if (!isOfKind(shape, filter)) return excluded;
  let verdict = included;
  if (contains !== undefined && !(other !== undefined && rangeContains(rangeOf(other), contains))) {
    if (family !== contains.family) return excluded;
    verdict |= askContains;
  }
  if (within !== undefined && !(other !== undefined && liesIn(other, within))) {
    if (family !== within.family || length < within.length) return excluded;
    verdict |= askWithin;
  }
  return verdict;
}

function liesIn(prefix: Prefix, network: Prefix): boolean {
  return prefix.length >= network.length && rangeContains(rangeOf(network), prefix);
}

/** An address in words, as the table of rules has them. */
interface Bits {
  readonly family: Family;
  readonly words: Uint32Array;
}

function bitsOf(address: Address | undefined): Bits {
  const words = new Uint32Array(ipv6Words);
  if (address?.family !== 6) return { family: 4, words: words.fill(Number(address?.value ?? 0), 0, 1) };
  splitWords(address.value, words);
  return { family: 6, words };
}

/** Whether the address of a row and another one of its family begin with the same so many bits. */
function shares(specs: RuleColumns['specs'], row: number, { family, words }: Bits, bits: number): boolean {
  for (let word = 0, left = bits; left > 0; word++, left -= 32) {
    const differing = specs.word(row, word, family) ^ (words[word] ?? 0);
    if (left >= 32 ? differing !== 0 : differing >>> (32 - left) !== 0) return false;
  }
  return true;
}

function originTest({ origins, texts }: RuleColumns, origin: string): RowTest {
  const number = texts.find(origin);
  return number < 0 ? () => false : (row) => origins[row] === number;
}
