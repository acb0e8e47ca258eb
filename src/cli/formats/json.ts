import { usageFailure } from '../failure.ts';
import { type Item, looksLikeAddress, type Reader, unreadable } from './item.ts';

/** The names that a member with an address usually has. */
const usualNames = ['ip', 'address', 'source', 'cidr', 'network', 'prefix'];

/** A step of a path: into a member, or into each element. */
type Step = { readonly member: string } | 'each';

/**
 * Reads the path of a value: names with dots between them, `[]` for each element of an array: `data[].ip`.
 * @throws Failure `usage`
 */
export function parsePath(text: string): readonly Step[] {
  if (!/^(?:[^.[\]]+|\[\])(?:\.[^.[\]]+|\[\])*$/.test(text))
    throw usageFailure(`"${text}" is not a path: names with dots between them, and [] for each element, as data[].ip`);
  return [...text.matchAll(/\[\]|[^.[\]]+/g)].map(([step]) => (step === '[]' ? 'each' : { member: step }));
}

/** Reads one JSON document. @param path to the addresses; without it an array of texts, or of objects with a usual name */
export function jsonReader(path: string | undefined): Reader {
  const steps = path === undefined ? undefined : parsePath(path);
  return async function* read(lines): AsyncGenerator<Item> {
    const texts: string[] = [];
    for await (const { text } of lines) texts.push(text);
    let value: unknown;
    try {
      value = JSON.parse(texts.join('\n'));
    } catch (error) {
      throw usageFailure(`It is not JSON: ${(error as Error).message}`, error);
    }
    let place = 0;
    // A document is often one line: the place among the addresses says more.
    for (const found of valuesOf(value, steps)) yield itemOf(++place, found);
  };
}

/** Reads a JSON value a line. @param path as of `jsonReader` */
export function ndjsonReader(path: string | undefined): Reader {
  const steps = path === undefined ? undefined : parsePath(path);
  return async function* read(lines): AsyncGenerator<Item> {
    for await (const { number, text } of lines) {
      if (text.trim() === '') continue;
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        yield unreadable(number, text, 'JSON');
        continue;
      }
      const found = [...valuesOf(value, steps)];
      if (found.length === 0)
        yield unreadable(number, text, `a value with an address${path === undefined ? '' : ` at ${path}`}`);
      for (const each of found) yield itemOf(number, each);
    }
  };
}

function itemOf(line: number, value: unknown): Item {
  if (typeof value === 'string' && looksLikeAddress(value.trim())) return { line, address: value.trim() };
  return unreadable(line, typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), 'an address');
}

function* valuesOf(value: unknown, steps: readonly Step[] | undefined): Generator<unknown> {
  if (steps === undefined) yield* usual(value);
  else yield* along(value, steps);
}

function* along(value: unknown, [step, ...rest]: readonly Step[]): Generator<unknown> {
  if (step === undefined) yield* Array.isArray(value) ? value : [value];
  else if (step === 'each') {
    if (Array.isArray(value)) for (const each of value) yield* along(each, rest);
  } else if (isObject(value) && Object.hasOwn(value, step.member)) yield* along(value[step.member], rest);
}

function* usual(value: unknown): Generator<unknown> {
  if (Array.isArray(value)) for (const each of value) yield* usual(each);
  else if (!isObject(value)) yield value;
  else {
    const name = usualNames.find((each) => typeof value[each] === 'string');
    if (name !== undefined) yield value[name];
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
