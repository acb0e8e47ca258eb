import { type Family, formatAddress, prefixOf } from '../domain/address.ts';
import { ruleId } from '../domain/rule-id.ts';
import { type Shape, specOf } from '../domain/shape.ts';
import { ipv6Words, joinWords } from '../domain/words.ts';
import type { RuleColumns } from './ruleset.ts';

/** Characters that an id can have, in lower case; and what has one at least that an address can have. */
const idLetters = /^[a-z0-9_.:@~+-]*$/;
const addressLetters = /[0-9a-f.:]/;

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

/** The ids of the rules of a shape: what stands before and after the address. */
interface Frame {
  readonly family: Family;
  readonly before: string;
  readonly after: string;
  /** Whether the text that is looked for is in one of them, and so in all of the ids. */
  readonly matches: boolean;
}

function idTest({ specs }: RuleColumns, wanted: string): (row: number) => boolean {
  if (!idLetters.test(wanted)) return () => false;
  const mayBeInAddress = addressLetters.test(wanted);
  const frames = new Map<number, Frame>();
  return (row) => {
    const number = specs.shapeOf(row);
    let frame = frames.get(number);
    if (frame === undefined) {
      frame = frameOf(specs.shape(number), wanted);
      frames.set(number, frame);
    }
    if (frame.matches || !mayBeInAddress) return frame.matches;
    return `${frame.before}${addressText(specs, row, frame.family)}${frame.after}`.includes(wanted);
  };
}

function frameOf(shape: Shape, wanted: string): Frame {
  const { family, length, side } = shape;
  const parts = ruleId(specOf(shape, prefixOf({ family, value: 0n }, length)))
    .toLowerCase()
    .split('~');
  const at = parts.length - (side === 'source' ? 2 : 1);
  const before = `${parts.slice(0, at).join('~')}~`;
  const after = [`_${length}`, ...parts.slice(at + 1)].join('~');
  return { family, before, after, matches: before.includes(wanted) || after.includes(wanted) };
}

const octets = Array.from({ length: 256 }, (_, octet) => `${octet}`);

/** The address of a row as `formatAddress` has it. IPv4 without a detour, since there may be a million. */
function addressText(specs: RuleColumns['specs'], row: number, family: Family): string {
  const first = specs.word(row, 0, family);
  if (family === 4)
    return `${octets[first >>> 24]}.${octets[(first >>> 16) & 255]}.${octets[(first >>> 8) & 255]}.${octets[first & 255]}`;
  for (let word = 0; word < ipv6Words; word++) words[word] = specs.word(row, word, family);
  return formatAddress({ family, value: joinWords(words, 0) });
}

/** The words of the address that is made a text of. */
const words = new Uint32Array(ipv6Words);
