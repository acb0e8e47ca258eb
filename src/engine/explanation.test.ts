import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressSet } from '../backends/list.fixture.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { parseAddress, parsePrefix } from '../domain/address.ts';
import { anyInterface, parseInterface } from '../domain/interface.ts';
import { listProperties, parseListName } from '../domain/list.ts';
import { chains, type Rule, ruleKey } from '../domain/rule.ts';
import { ruleId } from '../domain/rule-id.ts';
import type { Protection } from './decide.ts';
import { explain, type PacketQuestion } from './explanation.ts';
import { Lists } from './lists.ts';
import { rule, whitelist } from './rules.fixture.ts';
import { RuleSet } from './ruleset.ts';

const nobody: Protection = { whitelist: whitelist('192.0.2.1'), guard: null };

/** Rules of these texts, the last one the newest. */
function rulesOf(...texts: readonly string[]): Rule[] {
  return texts.map((text, index) => rule(index + 1, text));
}

function explained(rules: readonly Rule[], question: PacketQuestion, protection = nobody) {
  const { matches, decisive, ...others } = explain(
    { rules: new RuleSet(rules), lists: Lists.none, protection },
    question,
  );
  return {
    ...others,
    matches: matches.map(({ rule: match, isBound }) => `${ruleId(match)}${isBound ? ' bound' : ''}`),
    decisive: decisive && ruleId(decisive),
  };
}

describe('an explanation', () => {
  const source = parseAddress('10.0.0.1');

  it('names the rules that match in the order in which they are met, and the one that decides', () => {
    const rules = rulesOf(
      '10.0.0.0/8',
      'accept input any any 10.0.0.1 any',
      '10.0.0.2',
      '2001:db8::/32',
      '10.0.0.0/24',
    );
    expect(explained(rules, { chain: 'input', source })).toEqual({
      verdict: 'drop',
      whitelisted: [],
      matches: [
        'drop~input~any~any~10.0.0.0_24~any',
        'accept~input~any~any~10.0.0.1_32~any',
        'drop~input~any~any~10.0.0.0_8~any',
      ],
      decisive: 'drop~input~any~any~10.0.0.0_24~any',
      lists: [],
      decisiveList: undefined,
      pairs: 0,
      guard: undefined,
    });
  });

  it('leaves what is bound to an interface open as long as that is not known', () => {
    const rules = rulesOf('10.0.0.1', 'accept input eth+ any 10.0.0.1 any', 'reject input ppp0 any 10.0.0.0/8 any');
    expect(explained(rules, { chain: 'input', source })).toMatchObject({
      verdict: 'drop',
      matches: [
        'reject~input~ppp0~any~10.0.0.0_8~any bound',
        'accept~input~eth+~any~10.0.0.1_32~any bound',
        'drop~input~any~any~10.0.0.1_32~any',
      ],
    });
    expect(explained(rules, { chain: 'input', source, in: 'eth1' })).toMatchObject({
      verdict: 'accept',
      matches: ['accept~input~eth+~any~10.0.0.1_32~any', 'drop~input~any~any~10.0.0.1_32~any'],
    });
  });

  it('counts the rules of two addresses while one is not known', () => {
    const rules = rulesOf(
      'drop forward any any 10.0.0.1 any',
      'accept forward any any 10.0.0.1 10.9.0.0/16',
      'accept forward any any 10.0.0.2 10.9.0.0/16',
      'accept forward any any 10.0.0.0/8 10.8.0.1',
    );
    expect(explained(rules, { chain: 'forward', source })).toMatchObject({ verdict: 'drop', pairs: 2 });
    const destination = parseAddress('10.9.0.1');
    expect(explained(rules, { chain: 'forward', destination })).toMatchObject({ verdict: 'continue', pairs: 2 });
    expect(explained(rules, { chain: 'forward', source, destination })).toMatchObject({ verdict: 'accept', pairs: 0 });
  });

  it('names the whitelist, which stands above all rules, and what the guard does with the port', () => {
    const guard = { port: 7393, allowed: [parsePrefix('10.0.0.0/24')] };
    const protection = { whitelist: whitelist('10.0.0.0-10.0.0.9', '10.0.0.0/24'), guard };
    const found = explained([], { chain: 'input', source }, protection);
    expect(found.whitelisted.map(({ text }) => text)).toEqual(['10.0.0.0-10.0.0.9']);
    expect(found.guard).toEqual({ port: 7393, verdict: 'accept' });
    const stranger = explained([], { chain: 'output', destination: parseAddress('10.0.1.1') }, protection);
    expect([stranger.whitelisted, stranger.guard]).toEqual([[], { port: 7393, verdict: 'drop' }]);
  });

  it('has the verdict of the literal list for every packet', async () => {
    const addresses = ['10.0.0.1', '10.0.0.9', '11.0.0.1', '2001:db8::1', '2001:db8::2'].map(parseAddress);
    const anyRule = fc
      .record({
        action: fc.constantFrom('drop', 'accept', 'reject'),
        chain: fc.constantFrom(...chains),
        iface: fc.constantFrom('any', 'eth0', 'eth+'),
        prefixes: fc.constantFrom(
          ['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '10.0.0.8/30'],
          ['2001:db8::1', '2001:db8::/32', '::/0'],
        ),
        indexes: fc.tuple(fc.nat(3), fc.nat(3)),
        shown: fc.constantFrom('source', 'destination', 'both'),
      })
      .map(({ action, chain, iface, prefixes, indexes: [a, b], shown }) => {
        const [one, other] = [prefixes[a % prefixes.length], prefixes[b % prefixes.length]];
        if (chain === 'input') return `${action} input ${iface} any ${one} any`;
        if (chain === 'output') return `${action} output any ${iface} any ${one}`;
        const from = shown === 'destination' ? 'any' : one;
        return `${action} forward ${iface} any ${from} ${shown === 'source' ? 'any' : other}`;
      });
    const anyList = fc.record({
      action: fc.constantFrom('drop' as const, 'accept' as const, 'reject' as const),
      chain: fc.constantFrom(...chains),
      iface: fc.constantFrom('any', 'eth0', 'eth+').map(parseInterface),
      side: fc.constantFrom('source' as const, 'destination' as const),
      entries: fc.constantFrom(['10.0.0.0/28', '2001:db8::/127'], ['11.0.0.1', '10.0.0.9'], ['0.0.0.0/0']),
    });
    const anyPacket = fc.record({
      chain: fc.constantFrom(...chains),
      source: fc.constantFrom(...addresses),
      destination: fc.constantFrom(...addresses),
      name: fc.constantFrom('eth0', 'eth1', 'lo', ''),
      port: fc.constantFrom(undefined, 7393, 22),
    });
    const anyEntries = fc.constantFrom(['192.0.2.1'], ['10.0.0.8/29'], ['10.0.0.9', '2001:db8::2', '11.0.0.1']);
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRule, { maxLength: 25 }),
        fc.array(anyList, { maxLength: 3 }),
        anyEntries,
        fc.array(anyPacket),
        async (texts, listings, entries, packets) => {
          const list = [...new Map(rulesOf(...texts).map((each) => [ruleKey(each), each])).values()];
          // Each tuple has the place of its last occurrence, so that they have to be put in order.
          list.sort((a, b) => a.seq - b.seq);
          const protection = {
            whitelist: whitelist(...entries),
            guard: { port: 7393, allowed: whitelist(...entries).prefixes() },
          };
          const listed = listings.map(({ action, chain, iface, side, entries: texts }, index) => ({
            name: parseListName(`l${index}`),
            addresses: addressSet(...texts),
            ...listProperties({
              action,
              chain,
              in: chain === 'output' ? anyInterface : iface,
              out: chain === 'input' ? anyInterface : iface,
              ...(chain === 'forward' && { side }),
              comment: '',
              expiresAt: null,
            }),
            ...{ version: index + 1, place: index + 1, createdAt: 0, updatedAt: 0, origin: 'test' },
          }));
          const lists = Lists.of({ lists: listed, last: 9 }, protection.whitelist);
          const backend = new MemoryBackend();
          await backend.replace({
            rules: list,
            guard: protection.guard,
            whitelist: protection.whitelist.prefixes(),
            lists: lists.enforced,
            stale: { rules: [], guards: [] },
          });
          const standing = { rules: new RuleSet(list), lists, protection };
          for (const { chain, source, destination, name, port } of packets) {
            const names = { in: chain === 'output' ? '' : name, out: chain === 'input' ? '' : name };
            const tcp = port === undefined ? {} : { tcp: { sourcePort: port, destinationPort: port } };
            const verdict = backend.verdict({ chain, source, destination, ...names, ...tcp });
            const known = name === '' ? {} : names;
            const found = explain(standing, { chain, source, destination, ...known });
            expect(port === 7393 && found.guard !== undefined ? found.guard.verdict : found.verdict).toBe(verdict);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
