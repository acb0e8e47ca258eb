import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditEntry } from './audit.fixture.ts';
import { canonicalJson, chainHash, entryText, formatMark, genesis, parseMark, readRecord } from './audit.ts';

/** The same value with the members of its objects in the opposite order. */
function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  const entries = Object.entries(value).map(([name, member]) => [name, reversed(member)] as const);
  return Object.fromEntries(entries.reverse());
}

const json = fc.jsonValue({ stringUnit: 'binary' });

describe('canonicalJson', () => {
  it.each<[unknown, string]>([
    [null, 'null'],
    [true, 'true'],
    [-0, '0'],
    [1e21, '1e+21'],
    [0.1, '0.1'],
    ['é "\\\n\u0000\ud800', '"é \\"\\\\\\n\\u0000\\ud800"'],
    ['\u007f~!#[]', '"\u007f~!#[]"'],
    [[3, [], {}], '[3,[],{}]'],
    [{ b: 1, a: { d: null, c: 'x' } }, '{"a":{"c":"x","d":null},"b":1}'],
    [{ 9: 'nine', 10: 'ten', '': 'none' }, '{"":"none","10":"ten","9":"nine"}'],
    [{ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5 }, '{"\\r":2,"1":4,"€":1,"😀":5,"\ufb33":3}'],
    [JSON.parse('{"__proto__":1}'), '{"__proto__":1}'],
    [{ a: undefined }, '{}'],
    [[undefined, Number.NaN], '[null,null]'],
    [undefined, 'null'],
  ])('writes %j', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it('says what JSON says', () => {
    const property = fc.property(json, (value) => {
      expect(JSON.parse(canonicalJson(value))).toEqual(plainly(value));
    });
    fc.assert(property);
  });

  it('is the same whatever the order of members is, and whether it was read from itself', () => {
    const property = fc.property(json, (value) => {
      const text = canonicalJson(value);
      expect([canonicalJson(reversed(value)), canonicalJson(JSON.parse(text))]).toEqual([text, text]);
    });
    fc.assert(property);
  });

  it('tells strings apart, whatever is in them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(canonicalJson({ a, b })).toBe(`{"a":${JSON.stringify(a)},"b":${JSON.stringify(b)}}`);
      }),
    );
  });
});

/** The value as JSON has it: -0 is 0. */
function plainly(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe('an entry', () => {
  const text =
    '{"address":"192.0.2.1","after":{"action":"drop","source":"203.0.113.7/32"},"at":1767226020000,"before":null,' +
    '"door":"outward","number":17,"operation":"rules.put","principal":"alice","requestId":"request-7","result":"created",' +
    '"target":"rule-7"}';

  it('is hashed and stored as canonical JSON with its number', () => {
    expect(entryText(auditEntry(7), 17)).toBe(text);
  });

  it('is that whatever is in it', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), json, json, (text, before, after) => {
      const entry = auditEntry(3, { principal: text, address: text, requestId: text, operation: text, before, after });
      expect(entryText(entry, 17)).toBe(canonicalJson({ ...entry, number: 17 }));
    });
    fc.assert(property);
  });

  it('takes nothing along that is none of its fields', () => {
    expect(entryText({ ...auditEntry(7), number: 3, hash: 'x' } as never, 17)).toBe(text);
  });

  it('has the hash that the documentation says', () => {
    const previous = new Uint8Array(32).fill(7);
    const expected = createHash('sha256').update(previous).update(text, 'utf8').digest('hex');
    expect(Buffer.from(chainHash(previous, text)).toString('hex')).toBe(expected);
  });

  it('is read as it was written, whatever is in its texts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), json, (target, after) => {
        const entry = entryText(auditEntry(1, { target, after }), 4);
        const record = readRecord({ number: 4, entry, hash: new Uint8Array([1, 171]) });
        expect(record).toEqual({ ...auditEntry(1, { target, after: plainly(after) }), number: 4, hash: '01ab' });
      }),
    );
  });
});

describe('a mark', () => {
  it('is read as it was written', () => {
    const mark = { number: 1250, hash: chainHash(genesis.hash, 'x') };
    expect(parseMark(formatMark(mark))).toEqual({ number: 1250, hash: new Uint8Array(mark.hash) });
    expect(formatMark(genesis)).toBe(`0:${'0'.repeat(64)}`);
  });

  it.each(['', '1', '1:', `1:${'0'.repeat(63)}`, `:${'0'.repeat(64)}`, `-1:${'0'.repeat(64)}`, `1:${'g'.repeat(64)}`])(
    'is not read from %j',
    (text) => {
      expect(parseMark(text)).toBeUndefined();
    },
  );
});
