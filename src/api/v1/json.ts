import { RequestError } from '../errors.ts';

/** What a JSON text is, for messages. A line is none of several, so only the column tells where something is in it. */
export type JsonSubject = 'body' | 'line';

/**
 * Reads a JSON text (RFC 8259), which is UTF-8.
 * @throws RequestError `json-malformed` that says where, by line and column, both from 1
 */
export function parseJson(bytes: Uint8Array, subject: JsonSubject = 'body'): unknown {
  const text = decode(bytes, subject);
  try {
    return JSON.parse(text);
  } catch {
    const fault = faultOf(text);
    const before = text.slice(0, fault).split('\n');
    const column = `column ${(before.at(-1)?.length ?? 0) + 1}`;
    const place = subject === 'line' ? column : `line ${before.length}, ${column}`;
    const found = fault >= text.length ? 'it ends too early' : `${JSON.stringify(text[fault])} can't stand there`;
    throw new RequestError('json-malformed', `The ${subject} is not JSON: ${found}, at ${place}`);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Uint8Array, subject: JsonSubject): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new RequestError('json-malformed', `The ${subject} is not JSON: it is not UTF-8`);
  }
}

const space = /[ \t\n\r]*/y;
const string = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y;
const scalar = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

/** What may come next: an item or key also where a bracket may end what has just begun. */
type Expected = 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'more';

/**
 * Where a text stops being JSON: the messages of V8 say so only for some texts, and change.
 * @returns the place of the token that is wrong; the length of the text when that is complete but for its end
 */
function faultOf(text: string): number {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  const take = (token: RegExp): boolean => {
    token.lastIndex = at;
    const length = token.exec(text)?.[0].length ?? -1;
    at += Math.max(length, 0);
    return length >= 0;
  };
  for (;;) {
    take(space);
    const letter = text[at];
    if (letter === undefined) return at;
    const closes = open.at(-1) === '{' ? '}' : ']';
    if (letter === closes && open.length > 0 && (expected === 'more' || expected.startsWith('first'))) {
      open.pop();
      expected = 'more';
      at++;
    } else if (expected === 'value' || expected === 'first value') {
      if (letter === '{' || letter === '[') {
        open.push(letter);
        expected = letter === '{' ? 'first key' : 'first value';
        at++;
      } else if (take(string) || take(scalar)) expected = 'more';
      else return at;
    } else if (expected === 'key' || expected === 'first key') {
      if (!take(string)) return at;
      expected = 'colon';
    } else {
      if (letter !== (expected === 'colon' ? ':' : ',') || (expected === 'more' && open.length === 0)) return at;
      expected = expected === 'colon' || open.at(-1) === '[' ? 'value' : 'key';
      at++;
    }
  }
}
