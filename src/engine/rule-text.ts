import { type Address, formatAddress, prefixOf } from '../domain/address.ts';
import { ruleId } from '../domain/rule-id.ts';
import { type Shape, specOf } from '../domain/shape.ts';
import { ipv6Words, joinWords } from '../domain/words.ts';
import type { RuleColumns } from './ruleset.ts';

/** Characters that an id can have, in lower case. */
const idLetters = /^[a-z0-9_.:@~+-]*$/;

/** Whether the comment, the origin or the id of a row's rule has a text in it. Holds until the rules change. */
export function textTest(columns: RuleColumns, text: string): (row: number) => boolean {
  const { origins, comments } = columns;
  const wanted = text.toLowerCase();
  const isInText = numberTest(columns, wanted);
  const isInId = idTest(columns, wanted.replaceAll('/', '_'));
  return (row) => isInText(comments.get(row)) || isInText(origins.get(row)) || isInId(row);
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
  readonly before: string;
  readonly after: string;
  /** Whether the text that is looked for is in one of them, and so in all of the ids. */
  readonly matches: boolean;
}

function idTest({ specs }: RuleColumns, wanted: string): (row: number) => boolean {
  if (!idLetters.test(wanted)) return () => false;
  const frames = new Map<number, Frame>();
  return (row) => {
    const number = specs.shapeOf(row);
    let frame = frames.get(number);
    if (frame === undefined) {
      frame = frameOf(specs.shape(number), wanted);
      frames.set(number, frame);
    }
    if (frame.matches) return true;
    return `${frame.before}${formatAddress(addressOf(specs, row))}${frame.after}`.includes(wanted);
  };
}

function frameOf(shape: Shape, wanted: string): Frame {
  const zero = prefixOf({ family: shape.family, value: 0n }, shape.length);
  const id = ruleId(specOf(shape, zero)).toLowerCase();
  const parts = id.split('~');
  const at = shape.side === 'source' ? 4 : 5;
  const before = parts.slice(0, at).map((part) => `${part}~`).join('');
  const after = `_${shape.length}${parts.slice(at + 1).map((part) => `~${part}`).join('')}`;
  return { before, after, matches: before.includes(wanted) || after.includes(wanted) };
}

function addressOf(specs: RuleColumns['specs'], row: number): Address {
  const { family } = specs.shape(specs.shapeOf(row));
  if (family === 4) return { family, value: BigInt(specs.word(row, 0)) };
  for (let word = 0; word < ipv6Words; word++) words[word] = specs.word(row, word);
  return { family, value: joinWords(words, 0) };
}

/** The words of the address that is looked at. */
const words = new Uint32Array(ipv6Words);
