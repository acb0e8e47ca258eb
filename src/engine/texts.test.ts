import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Texts } from './texts.ts';

describe('Texts', () => {
  it('gives equal texts one number, and others another', () => {
    const texts = new Texts();
    const [a, b] = [texts.use('a'), texts.use('b')];
    expect(texts.use('a')).toBe(a);
    expect([texts.at(a), texts.at(b)]).toEqual(['a', 'b']);
  });

  it('gives the number of a text that nobody uses any more to the next', () => {
    const texts = new Texts();
    const first = texts.use('first');
    texts.use('first');
    texts.release(first);
    expect(texts.use('second')).not.toBe(first);
    texts.release(first);
    expect(texts.use('third')).toBe(first);
    expect(texts.at(first)).toBe('third');
  });

  it('knows every text that is used, also after it was handed on, and grows no further than they', () => {
    const step = fc.record({
      text: fc.constantFrom('', 'a', 'b', 'c'),
      kind: fc.constantFrom('use', 'release', 'hand on'),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        let texts = new Texts();
        const used: { text: string; number: number }[] = [];
        for (const { text, kind } of steps) {
          const at = used.findIndex((use) => use.text === text);
          if (kind === 'use') used.push({ text, number: texts.use(text) });
          else if (kind === 'hand on') texts = Texts.from(structuredClone(texts.state()));
          else if (at >= 0) texts.release(used.splice(at, 1)[0]?.number ?? 0);
          expect(used.map(({ number }) => texts.at(number))).toEqual(used.map((use) => use.text));
        }
        expect(texts.state().texts.length).toBeLessThanOrEqual(4);
      }),
    );
  });
});
