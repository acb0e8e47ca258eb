import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RuleSpec } from '../../domain/rule.ts';
import { parsePath } from '../compat/path.ts';
import {
  admin,
  type Limits,
  may,
  nobody,
  ownOnly,
  refuseBeyondLimits,
  requireScope,
  scopes,
  usualTtl,
} from './principal.ts';

function spec(path: string): RuleSpec {
  const resource = parsePath(path);
  if (resource.kind !== 'rule') throw new Error(`${path} is no rule`);
  return resource.spec;
}

describe('scopes', () => {
  it('are all there for admin, and none for nobody', () => {
    expect(scopes.filter((scope) => may(admin('local', 'local'), scope))).toEqual(scopes);
    expect(scopes.filter((scope) => may(nobody, scope))).toEqual([]);
  });

  it.each(scopes)('%s opens itself, and the wider one of two the narrower', (scope) => {
    const principal = { ...nobody, scopes: new Set([scope]) };
    const opened = scopes.filter((other) => may(principal, other));
    if (scope === 'admin') expect(opened).toEqual(scopes);
    else expect(opened).toEqual(scope === 'rules:write:any' ? ['rules:write', 'rules:write:any'] : [scope]);
  });

  it('confine to rules of one’s own, but for admin and rules:write:any', () => {
    const owned = scopes.filter((scope) => ownOnly({ ...nobody, scopes: new Set([scope]) }));
    expect(owned).toEqual(scopes.filter((scope) => scope !== 'admin' && scope !== 'rules:write:any'));
  });

  it('are named where one is lacking', () => {
    const principal = { ...nobody, name: 'token:x' };
    expect(() => requireScope(principal, 'lists:read')).toThrow(
      'token:x may not do this: it needs the scope lists:read',
    );
  });
});

describe('usualTtl', () => {
  it.each([
    [undefined, 3600, 3600],
    [undefined, 0, 0],
    [60, 3600, 60],
    [60, 30, 30],
    [60, 0, 60],
  ])('of a longest of %s seconds and usually %s is %s', (longestTtl, usual, expected) => {
    const limits = longestTtl === undefined ? {} : { longestTtl };
    expect(usualTtl({ ...nobody, limits }, usual)).toBe(expected);
  });
});

describe('limits', () => {
  const check = (limits: Limits, path: string, ttl: number | null | 'unchanged' = 'unchanged') => {
    try {
      refuseBeyondLimits({ ...nobody, name: 'token:x', limits }, spec(path), ttl);
      return 'allowed';
    } catch (error) {
      return (error as Error).message;
    }
  };

  it.each([
    [{}, '/accept/forward/any/0.0.0.0/any/1.2.3.4', 0, 'allowed'],
    [{ actions: ['drop'] }, '/drop/input/any/1.2.3.4', 0, 'allowed'],
    [{ actions: ['drop', 'reject'] }, '/accept/input/any/1.2.3.4', 0, 'the action accept. Allowed: drop, reject'],
    [{ chains: ['input'] }, '/drop/output/any/1.2.3.4', 0, 'the chain output. Allowed: input'],
    [{ longestTtl: 60 }, '/drop/input/any/1.2.3.4', 60, 'allowed'],
    [{ longestTtl: 60 }, '/drop/input/any/1.2.3.4', 61, '61 seconds. Allowed: at most 60 seconds'],
    [{ longestTtl: 60 }, '/drop/input/any/1.2.3.4', 0, 'a permanent rule. Allowed: at most 60 seconds'],
    [{ longestTtl: 60 }, '/drop/input/any/1.2.3.4', null, 'a permanent rule. Allowed: at most 60 seconds'],
    [{ longestTtl: 60 }, '/drop/input/any/1.2.3.4', 'unchanged', 'allowed'],
    [{ shortestPrefix: { 4: 24 } }, '/drop/input/any/1.2.3.0/24', 0, 'allowed'],
    [
      { shortestPrefix: { 4: 24 } },
      '/drop/input/any/1.2.3.0/23',
      0,
      'a prefix of /23. Allowed: /24 and longer for IPv4',
    ],
    [
      { shortestPrefix: { 4: 24, 6: 48 } },
      '/drop/output/any/2001:db8::/47',
      0,
      'a prefix of /47. Allowed: /48 and longer for IPv6',
    ],
    [{ shortestPrefix: { 4: 24 } }, '/drop/input/any/2001:db8::/32', 0, 'allowed'],
  ] as const)('%o and %s for %s: %s', (limits, path, ttl, answer) => {
    expect(check(limits, path, ttl).replace('token:x may not ask for ', '')).toBe(answer);
  });

  it('count the longer side of a forward rule, which can match no more than that alone', () => {
    const limits = { shortestPrefix: { 4: 24 } };
    expect(check(limits, '/drop/forward/any/10.0.0.0/9/any/1.2.3.4')).toBe('allowed');
    expect(check(limits, '/drop/forward/any/10.0.0.0/9')).toContain('a prefix of /9');
    expect(check(limits, '/drop/forward/any/10.0.0.0/9/any/1.0.0.0/10')).toContain('a prefix of /10');
  });

  it('that are narrower never let more through', () => {
    const length = fc.integer({ min: 0, max: 32 });
    fc.assert(
      fc.property(length, length, fc.integer({ min: 9, max: 32 }), (a, b, asked) => {
        const path = `/drop/input/any/1.2.3.4/${asked}`;
        const by = (limit: number): boolean => check({ shortestPrefix: { 4: limit } }, path) === 'allowed';
        if (by(Math.max(a, b))) expect(by(Math.min(a, b))).toBe(true);
      }),
    );
  });
});
