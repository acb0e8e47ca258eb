import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestError } from '../errors.ts';
import { parseJson } from './json.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('parseJson', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseJson(bytes(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses what JSON.parse refuses, and says a place in the text', () => {
    const almost = fc.tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', '{', '}', ']', '"', ',', ':', 'x', '\n', '\\', '1', '.'),
    );
    fc.assert(
      fc.property(almost, fc.boolean(), ([text, at, letter], cut) => {
        const place = at % (text.length + 1);
        const odd = text.slice(0, place) + letter + (cut ? '' : text.slice(place));
        let known = true;
        try {
          JSON.parse(odd);
        } catch {
          known = false;
        }
        if (known) return void parseJson(bytes(odd));
        const found = /at line (\d+), column (\d+)$/.exec(messageOf(bytes(odd)));
        const lines = odd.split('\n');
        const line = Number(found?.[1]);
        expect(line).toBeGreaterThan(0);
        expect(line).toBeLessThanOrEqual(lines.length);
        expect(Number(found?.[2])).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
      }),
      { numRuns: 500 },
    );
  });

  it('finds the place where a text is cut off at its end', () => {
    const text = '{"a": [1, {"b": null}], "c": "d"}';
    for (const length of [0, 1, 7, 9, 20, 23, text.length - 1]) {
      expect(messageOf(bytes(text.slice(0, length)))).toMatch(
        new RegExp(`it ends too early, at line 1, column ${length + 1}$`),
      );
    }
  });

  it('takes no text that is not UTF-8', () => {
    expect(messageOf(Uint8Array.of(0x22, 0xff, 0x22))).toBe('The body is not JSON: it is not UTF-8');
  });

  it('is quick also where a long text is wrong only at its end', () => {
    const long = `[${'"\\u00e9x",'.repeat(6000)}]`;
    const deep = '['.repeat(65_000);
    const began = performance.now();
    expect(messageOf(bytes(long))).toContain(`column ${long.length}`);
    expect(messageOf(bytes(deep))).toContain('it ends too early');
    expect(messageOf(bytes(`"${'a'.repeat(65_000)}`))).toContain('column 1');
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

function messageOf(text: Uint8Array): string {
  try {
    parseJson(text);
  } catch (error) {
    if (error instanceof RequestError) return error.message;
    throw error;
  }
  throw new Error('It was read');
}
