import { describe, expect, it } from 'vitest';
import type { Rule, RuleSpec } from '../../domain/rule.ts';
import { parsePath } from './path.ts';
import { renderOutcome, renderState } from './render.ts';

function specAt(path: string): RuleSpec {
  const resource = parsePath(path);
  if (resource.kind !== 'rule') throw new Error(`${path} is no rule`);
  return resource.spec;
}

/** The columns of a listed rule in one line, as `iptables -nvxL --line-numbers` has them. */
function line(path: string, packets = 0n, bytes = 0n): string {
  return Object.values(renderState({ spec: specAt(path), position: 1, packets, bytes })).join('|');
}

describe('renderState', () => {
  it('gives the object of the 2014 documentation, every value as text', () => {
    const state = { spec: specAt('/drop/input/any/22.22.22.0/24'), position: 1, packets: 0n, bytes: 0n };
    expect(JSON.stringify(renderState(state))).toBe(
      '{"chain":"INPUT","num":"1","pkts":"0","bytes":"0","target":"DROP","prot":"all","opt":"--","inp":"*","out":"*","source":"22.22.22.0/24","destination":"0.0.0.0/0","extra":""}',
    );
  });

  it.each([
    ['/drop/input/eth0/1.2.3.4', 'INPUT|1|0|0|DROP|all|--|eth0|*|1.2.3.4|0.0.0.0/0|'],
    ['/accept/output/ppp/1.2.3.4', 'OUTPUT|1|0|0|ACCEPT|all|--|*|ppp+|0.0.0.0/0|1.2.3.4|'],
    ['/accept/forward/ppp/1.2.3.0/24/eth0/5.5.5.5', 'FORWARD|1|0|0|ACCEPT|all|--|ppp+|eth0|1.2.3.0/24|5.5.5.5|'],
    ['/drop/forward/any/0.0.0.0/any/5.5.5.5', 'FORWARD|1|0|0|DROP|all|--|*|*|0.0.0.0/0|5.5.5.5|'],
    ['/drop/input/any/2001:db8::/64', 'INPUT|1|0|0|DROP|all|--|*|*|2001:db8::/64|::/0|'],
    ['/drop/output/any/2001:db8::1', 'OUTPUT|1|0|0|DROP|all|--|*|*|::/0|2001:db8::1|'],
    ['/reject/input/any/1.2.3.4', 'INPUT|1|0|0|REJECT|all|--|*|*|1.2.3.4|0.0.0.0/0|reject-with icmp-port-unreachable'],
    [
      '/reject/input/any/2001:db8::1',
      'INPUT|1|0|0|REJECT|all|--|*|*|2001:db8::1|::/0|reject-with icmp6-port-unreachable',
    ],
  ])('lists %s as %s', (path, columns) => {
    expect(line(path)).toBe(columns);
  });

  it('writes counters of 64 bits in full', () => {
    const most = (1n << 64n) - 1n;
    expect(line('/drop/input/any/1.2.3.4', most, most)).toContain(`|${most}|${most}|`);
  });
});

describe('renderOutcome', () => {
  const rule: Rule = {
    ...specAt('/drop/input/ppp/1.2.3.4'),
    seq: 7,
    expiresAt: null,
    createdAt: Date.UTC(2026, 0, 2, 3, 4, 5),
    origin: 'rfw@192.0.2.1',
    comment: '',
  };

  it.each(['created', 'exists', 'updated', 'deleted'] as const)('says %s and of which rule', (status) => {
    expect(renderOutcome(status === 'updated' ? { status, rule, before: rule } : { status, rule })).toEqual({
      status,
      rule: {
        action: 'drop',
        chain: 'input',
        in: 'ppp+',
        out: 'any',
        source: '1.2.3.4',
        destination: 'any',
        expiresAt: null,
        createdAt: '2026-01-02T03:04:05.000Z',
        origin: 'rfw@192.0.2.1',
      },
    });
  });

  it('writes the expiry as an instant of ISO 8601, to the last one that there is', () => {
    const ends = (expiresAt: number): string =>
      JSON.stringify(renderOutcome({ status: 'created', rule: { ...rule, expiresAt } }));
    expect(ends(0)).toContain('"expiresAt":"1970-01-01T00:00:00.000Z"');
    expect(ends(253_402_300_799_000)).toContain('"expiresAt":"9999-12-31T23:59:59.000Z"');
  });

  it('names the rule that is absent', () => {
    expect(
      renderOutcome({ status: 'absent', spec: specAt('/accept/forward/eth0/2001:db8::/64/eth1/2001:db9::1') }),
    ).toEqual({
      status: 'absent',
      rule: {
        action: 'accept',
        chain: 'forward',
        in: 'eth0',
        out: 'eth1',
        source: '2001:db8::/64',
        destination: '2001:db9::1',
      },
    });
  });
});
