import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RfwError } from '../../domain/errors.ts';
import { formatSide, ruleKey, ruleSpec } from '../../domain/rule.ts';
import { ruleSpecs, writePath } from './path.fixture.ts';
import { parsePath } from './path.ts';

/** The key of the rule that a path names; its sides must be canonical, which the type alone can't show. */
function keyAt(path: string): string {
  const resource = parsePath(path);
  if (resource.kind !== 'rule') throw new Error(`${path} is no rule`);
  return ruleKey(ruleSpec(resource.spec));
}

/** Words that paths are made of, some of them almost right. */
const words = fc.constantFrom(
  ...['drop', 'ACCEPT', 'reject', 'list', 'input', 'output', 'FORWARD', 'any', 'eth0', 'ppp', '1.2.3.4', '0.0.0.0'],
  ...['::', '2001:db8::1', '24', '8', '128', '', '%', '%2F', '..', '-', '+', 'é', '\0', '01.2.3.4'],
);

const garbage = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(words, { maxLength: 9 }).map((parts) => `/${parts.join('/')}`),
  fc.array(fc.oneof(words, fc.string()), { maxLength: 9 }).map((parts) => `/${parts.join('/')}`),
);

describe('parsePath', () => {
  it('reads back the path that was written for a rule', () => {
    fc.assert(
      fc.property(ruleSpecs, fc.boolean(), (spec, whole) => {
        expect(keyAt(writePath(spec, whole))).toBe(ruleKey(spec));
      }),
    );
  });

  it('reads the same rule with a trailing slash, in capitals and percent-encoded', () => {
    fc.assert(
      fc.property(ruleSpecs, (spec) => {
        const path = writePath(spec, true);
        const [, action = '', chain = '', ...rest] = path.split('/');
        const encoded = rest.map((part) => [...part].map((c) => `%${c.charCodeAt(0).toString(16)}`).join(''));
        expect(keyAt(`${path}/`)).toBe(ruleKey(spec));
        expect(keyAt(`/${[action.toUpperCase(), chain.toUpperCase(), ...rest].join('/')}`)).toBe(ruleKey(spec));
        expect(keyAt(`/${[action, chain, ...encoded].join('/')}`)).toBe(ruleKey(spec));
      }),
    );
  });

  it('has one rule for a network however its host bits are set', () => {
    fc.assert(
      fc.property(ruleSpecs, fc.nat(255), (spec, bits) => {
        const side = spec.chain === 'output' ? spec.destination : spec.source;
        if (side === 'any' || side.family === 6 || side.length > 24) return;
        const path = writePath(spec, true);
        const [address = ''] = formatSide(side).split('/');
        const other = address.replace(/\d+$/, String(bits));
        expect(keyAt(path.replace(`/${address}/`, `/${other}/`))).toBe(ruleKey(spec));
      }),
    );
  });

  it('answers garbage with a refusal and nothing else', () => {
    fc.assert(
      fc.property(garbage, (path) => {
        try {
          parsePath(path);
        } catch (error) {
          expect(error).toBeInstanceOf(RfwError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
