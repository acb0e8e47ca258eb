import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Packet } from '../../../src/backends/memory.ts';
import { parseAddress } from '../../../src/domain/address.ts';
import { execute } from '../iptables.fixture.ts';
import { nft } from '../netlink.fixture.ts';
import { foreseen, Loopback } from './loopback.fixture.ts';
import { NftRuleset } from './nft-ruleset.fixture.ts';

const loopback = new Loopback();

beforeAll(() => loopback.open());
afterEach(() => nft('add table inet rfw\ndelete table inet rfw'));
afterAll(() => loopback.close());

function listing(): string {
  return execute('nft', ['-j', 'list', 'ruleset']);
}

/** Loads the body of table inet rfw. A brace at the end of a line closes a block, before which nft wants another end of line. */
function load(body: string): void {
  nft(`table inet rfw {\n${body.replace(/ }$/gm, '\n}')}\n}`);
}

const input = 'chain input { type filter hook input priority filter - 10; policy accept;';
const output = 'chain output { type filter hook output priority filter - 10; policy accept;';

/** Rulesets that together have everything that the evaluator knows. */
const rulesets: Readonly<Record<string, string>> = {
  'plain addresses': `${input} ip saddr 127.0.0.1 drop; ip6 saddr fd77::1 drop }`,
  'a prefix': `${input} ip saddr 127.0.0.0/24 drop; ip6 saddr fd77::/64 drop }`,
  'a prefix within a byte': `${input} ip saddr 127.0.0.2/31 drop; ip6 saddr fd77::2/127 drop }`,
  'a prefix of no bits': `set everything { type ipv4_addr; flags interval; elements = { 0.0.0.0/0 } }
    ${input} ip saddr @everything reject }`,
  'a range': `${input} ip saddr 127.0.0.2-127.0.1.1 drop; ip6 saddr fd77::2-fd77::3 drop }`,
  'an anonymous set': `${input} ip saddr { 127.0.0.1, 127.0.1.0/24 } drop; ip6 saddr { fd77::2, fd77::3 } reject }`,
  'what is not in a set, of its own family alone': `set hosts { type ipv4_addr; elements = { 127.0.0.1, 127.0.0.2 } }
    ${input} ip saddr != @hosts drop }`,
  'what is not one address': `${input} ip saddr != 127.0.0.1 drop }`,
  'destinations, going out': `set nets { type ipv6_addr; flags interval; elements = { fd77::/64 } }
    ${output} ip daddr 127.0.0.1 drop; ip6 daddr @nets drop }`,
  'a reject whose news are dropped': `${input} ip saddr 127.0.0.2 ip daddr 127.0.0.1 drop; ip saddr 127.0.0.1 reject }`,
  'elements with timeouts and counters': `set hosts { type ipv4_addr; flags timeout; counter
      elements = { 127.0.0.1 timeout 1h, 127.0.0.3 } }
    ${input} ip saddr @hosts drop }`,
  'networks with timeouts': `set nets { type ipv4_addr; flags interval, timeout
      elements = { 127.0.1.0/24 timeout 1h, 127.0.0.2/31 timeout 1h, 127.0.0.1 } }
    ${input} ip saddr @nets counter drop }`,
  'an accept before a drop': `${input} ip saddr 127.0.0.1 accept; ip saddr 127.0.0.0/24 drop }`,
  'an accept, and a drop in the next chain of the hook': `${input} ip saddr 127.0.0.0/24 accept; ip saddr 127.0.1.1 drop }
    chain late { type filter hook input priority filter; policy accept; ip saddr 127.0.0.1 drop }`,
  'a chain that comes first though it was made last': `chain late { type filter hook input priority 20; policy accept
      ip saddr 127.0.0.1 reject }
    ${input} ip saddr 127.0.0.1 drop }`,
  'a policy': `chain input { type filter hook input priority filter; policy drop
      ip saddr 127.0.0.1 accept; ip6 saddr fd77::/64 return; ip6 saddr fd77::/48 accept; tcp sport 40002 accept
      tcp sport 7777 accept }`,
  interfaces: `${input} iifname "eth0" drop; iifname != "lo" drop; oifname "lo" drop; iifname "lo" ip saddr 127.0.0.1 drop }
    ${output} iifname "lo" drop; oifname "lo" ip6 daddr fd77::2 drop }`,
  'the beginning of a name': `${input} iifname "l*" ip saddr 127.0.0.1 drop; iifname "lo1*" drop; iifname != "e*" ip6 saddr fd77::1 drop }`,
  'several interfaces': `${input} iifname { "eth0", "lo" } ip saddr 127.0.0.1 drop; iifname { "eth0", "eth1" } drop }`,
  'no interface going in': `${output} iifname != "eth0" ip daddr 127.0.0.1 drop }`,
  families: `${input} meta nfproto ipv6 reject }`,
  'another family': `${input} meta nfproto != ipv6 drop }`,
  ports: `${input} tcp dport 7777 ip saddr 127.0.0.1 drop; tcp sport 40002 reject with tcp reset; tcp sport 7777 accept }`,
  'what is not a port': `${input} tcp sport != { 40001, 7777 } drop }`,
  protocols: `${input} meta l4proto != tcp ip saddr 127.0.0.1 drop; meta l4proto tcp ip saddr 127.0.0.2 drop }`,
  'a jump that returns': `counter met { }
    chain strata { ip saddr 127.0.0.1 return; ip saddr 127.0.0.0/24 counter name "met" drop }
    ${input} jump strata; ip saddr 127.0.1.1 reject }`,
  'a jump that ends': `chain strata { ip saddr 127.0.0.1 accept }
    ${input} ip saddr 127.0.0.0/16 jump strata; ip saddr 127.0.0.0/8 drop }`,
  'a goto that does not come back': `chain strata { ip saddr 127.0.0.1 drop }
    ${input} ip saddr 127.0.0.0/24 goto strata; ip saddr 127.0.0.0/8 drop }`,
  'a goto that returns to the one who jumped': `chain deep { ip saddr 127.0.0.1 drop }
    chain strata { ip saddr 127.0.0.0/24 goto deep; reject }
    ${input} ip version 4 jump strata; ip saddr 127.0.0.2 drop }`.replace('ip version 4', 'meta nfproto ipv4'),
};

describe('the evaluator of what nft lists agrees with real packets on', () => {
  it.each(Object.keys(rulesets))('%s', async (name) => {
    load(rulesets[name] ?? '');
    const ruleset = new NftRuleset(listing());
    const expected = foreseen((packet) => ruleset.verdict(packet));
    expect(
      new Set(expected.map((line) => line.split(': ')[1])).size,
      'the ruleset tells packets apart',
    ).toBeGreaterThan(1);
    await expect.poll(() => loopback.met(), { interval: 50, timeout: 5000 }).toEqual(expected);
  });
});

describe('the evaluator of what nft lists', () => {
  const from = (source: string, more: Partial<Packet> = {}): Packet => ({
    chain: 'input',
    in: 'lo',
    out: '',
    source: parseAddress(source),
    destination: parseAddress(source),
    ...more,
  });

  it('looks at elements as they will stand some time from now', () => {
    load(`set hosts { type ipv4_addr; flags timeout; elements = { 10.0.0.1 timeout 1h, 10.0.0.2 timeout 2h, 10.0.0.3 } }
      ${input} ip saddr @hosts drop }`);
    const verdicts = [0, 5400, 9000].map((seconds) => {
      const ruleset = new NftRuleset(listing(), seconds);
      return ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((source) => ruleset.verdict(from(source))).join(' ');
    });
    expect(verdicts).toEqual(['drop drop drop', 'continue drop drop', 'continue continue drop']);
  });

  it('looks at no other table', () => {
    load(`${input} }`);
    nft(`table inet other {\n${input} drop\n}\n}\ntable ip rfw {\n${input} drop\n}\n}`);
    expect(new NftRuleset(listing()).verdict(from('10.0.0.1'))).toBe('continue');
    nft('delete table inet other\ndelete table ip rfw');
  });

  it.each([
    ['a map of verdicts', `${input} iifname vmap { "eth0" : drop } }`],
    ['several values side by side', `${input} ip saddr . ip daddr { 10.0.0.1 . 10.0.0.2 } drop }`],
    ['another protocol', `${input} udp dport 53 drop }`],
    ['a protocol that a packet does not tell', `${input} meta l4proto udp drop }`],
    ['another field', `${input} ip ttl 1 drop }`],
    ['raw bytes', `${input} @nh,96,32 0x0a000001 drop }`],
    ['a comparison', `${input} tcp dport > 1024 drop }`],
    ['a limit', `${input} limit rate 1/second accept }`],
    ['a log', `${input} log drop }`],
    ['another refusal', `${input} reject with icmpx admin-prohibited }`],
    ['another hook', 'chain early { type filter hook prerouting priority raw; drop; }'],
    ['another type of chain', 'chain mangle { type route hook output priority mangle; drop; }'],
    ['a map', 'map m { type ipv4_addr : verdict; }'],
    ['a limit in a set', `set s { type ipv4_addr; limit rate 1/second; }\n${input} ip saddr @s drop }`],
  ])('throws on %s', (_, body) => {
    load(body);
    expect(() => new NftRuleset(listing())).toThrow(/^Not known what nft means by /);
  });
});
