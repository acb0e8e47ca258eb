import { type Family, formatHextets, prefixOf } from '../domain/address.ts';
import { ruleId } from '../domain/rule-id.ts';
import { type Shape, specOf } from '../domain/shape.ts';
import { ipv6Words } from '../domain/words.ts';
import { Occurrence } from './occurrence.ts';
import type { RuleColumns } from './ruleset.ts';

/** What addresses of a family are written with. */
const addressLetters: Readonly<Record<Family, string>> = { 4: '0123456789.', 6: '0123456789abcdef:' };

/** Whether the comment, the origin or the id of a row's rule has a text in it. Holds until the rules change. */
export function textTest(columns: RuleColumns, text: string): (row: number) => boolean {
  const { origins, comments } = columns;
  const wanted = text.toLowerCase();
  const isInText = numberTest(columns, wanted);
  const isInId = idTest(columns, wanted.replaceAll('/', '_'));
  return (row) => isInText(comments[row] ?? 0) || isInText(origins[row] ?? 0) || isInId(row);
}

/** Each text is looked at once, however many rules have it. */
function numberTest({ texts }: RuleColumns, wanted: string): (number: number) => boolean {
  const known = new Uint8Array(texts.numbers);
  return (number) => {
    if (known[number] === 0) known[number] = texts.at(number).toLowerCase().includes(wanted) ? 2 : 1;
    return known[number] === 2;
  };
}

/** The ids of the rules of a shape: they differ in the address alone. */
interface Frame {
  readonly family: Family;
  /** How much was found before the address. */
  readonly start: number;
  /** By how much was found then, whether the rest is in what stands behind. */
  readonly ends: readonly boolean[];
  /** Whether the text is in what they have in common, and so in all of them; undefined when it is up to the address. */
  readonly matches: boolean | undefined;
}

function idTest({ specs }: RuleColumns, wanted: string): (row: number) => boolean {
  const occurrence = new Occurrence(wanted);
  const frames = new Map<number, Frame>();
  return (row) => {
    const number = specs.shapeOf(row);
    let frame = frames.get(number);
    if (frame === undefined) {
      frame = frameOf(specs.shape(number), wanted, occurrence);
      frames.set(number, frame);
    }
    const { family, start, ends, matches } = frame;
    if (matches !== undefined) return matches;
    const state =
      family === 4
        ? occurrence.afterIPv4(start, specs.word(row, 0, family))
        : occurrence.after(start, ipv6Text(specs, row));
    return ends[state] === true;
  };
}

function frameOf(shape: Shape, wanted: string, occurrence: Occurrence): Frame {
  const { family, length, side } = shape;
  const parts = ruleId(specOf(shape, prefixOf({ family, value: 0n }, length)))
    .toLowerCase()
    .split('~');
  const at = parts.length - (side === 'source' ? 2 : 1);
  const before = `${parts.slice(0, at).join('~')}~`;
  const after = [`_${length}`, ...parts.slice(at + 1)].join('~');
  const letters = before + after + addressLetters[family];
  const isPossible = [...wanted].every((letter) => letters.includes(letter));
  const isCommon = before.includes(wanted) || after.includes(wanted);
  const touchesAddress = [...wanted].some((letter) => addressLetters[family].includes(letter));
  return {
    family,
    start: occurrence.after(0, before),
    ends: Array.from({ length: wanted.length + 1 }, (_, state) => occurrence.after(state, after) === occurrence.found),
    matches: isCommon || (isPossible && touchesAddress ? undefined : false),
  };
}

/** The IPv6 address of a row as `formatAddress` has it. */
function ipv6Text(specs: RuleColumns['specs'], row: number): string {
  const hextets: number[] = [];
  for (let index = 0; index < ipv6Words; index++) {
    const word = specs.word(row, index, 6);
    hextets.push(word >>> 16, word & 0xffff);
  }
  return formatHextets(hextets);
}
