import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePrefix } from './address.ts';
import { RfwError } from './errors.ts';
import { anyInterface, parseInterface } from './interface.ts';
import { type RuleSpec, ruleKey } from './rule.ts';
import { parseRuleId, ruleId } from './rule-id.ts';

const host: RuleSpec = {
  action: 'drop',
  chain: 'input',
  in: anyInterface,
  out: anyInterface,
  source: parsePrefix('203.0.113.7'),
  destination: 'any',
};

describe('ruleId', () => {
  it.each<[string, Partial<RuleSpec>]>([
    ['drop~input~any~any~203.0.113.7_32~any', {}],
    ['drop~input~ppp+~any~2001:db8::_32~any', { in: parseInterface('ppp+'), source: parsePrefix('2001:db8::/32') }],
    [
      'reject~forward~any~wg_a.1:b@c~203.0.113.7_32~10.0.0.0_8',
      { action: 'reject', chain: 'forward', out: parseInterface('wg_a.1:b@c'), destination: parsePrefix('10.0.0.0/8') },
    ],
  ])('%s, and back', (id, part) => {
    const spec = { ...host, ...part };
    expect(ruleId(spec)).toBe(id);
    expect(ruleKey(parseRuleId(id))).toBe(ruleKey(spec));
    // It goes into a path as it is.
    expect(new URL(`http://x/${id}`).pathname).toBe(`/${id}`);
  });

  it.each([
    '',
    'drop',
    'drop~input~any~any~203.0.113.7_32',
    'drop~input~any~any~203.0.113.7_32~any~any',
    'drop~input~any~any~203.0.113.7~any',
    'drop~input~any~any~203.0.113.7/32~any',
    'drop~input~any~any~203.0.113.7_24~any',
    'drop~input~any~any~2001:DB8::_32~any',
    'drop~input~any~any~::ffff:1.2.3.4_128~any',
    'DROP~input~any~any~203.0.113.7_32~any',
    'drop~input~ANY~any~203.0.113.7_32~any',
    'drop~input~any~eth0~203.0.113.7_32~any',
    'drop~forward~any~any~203.0.113.7_32~::1_128',
    'allow~input~any~any~203.0.113.7_32~any',
    'drop~nat~any~any~203.0.113.7_32~any',
    'drop~input~eth 0~any~203.0.113.7_32~any',
  ])('refuses %j, which is no id in its canonical form', (id) => {
    expect(() => parseRuleId(id)).toThrow(expect.objectContaining({ name: 'RfwError', code: 'id-invalid' }));
  });

  it('answers garbage with a refusal and nothing else', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(fc.string(), { maxLength: 7 }).map((parts) => parts.join('~')),
        ),
        (id) => {
          expect(() => parseRuleId(id)).toThrow(RfwError);
        },
      ),
    );
  });
});
