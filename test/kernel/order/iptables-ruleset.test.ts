import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseAddress } from '../../../src/domain/address.ts';
import { clear, execute, program } from '../iptables.fixture.ts';
import { IptablesRuleset } from './iptables-ruleset.fixture.ts';
import { foreseen, Loopback } from './loopback.fixture.ts';

const loopback = new Loopback();

beforeAll(() => loopback.open());
beforeEach(clear);
afterAll(async () => {
  clear();
  await loopback.close();
});

/** Puts lines at the end of their chains; those that begin with 6 go to ip6tables. */
function append(lines: readonly string[]): void {
  for (const family of [4, 6] as const) {
    const own = lines.filter((line) => line.startsWith('6 ') === (family === 6)).map((line) => line.replace(/^6 /, ''));
    execute(
      program('nft', family, 'restore'),
      ['--noflush'],
      `*filter\n${own.map((line) => `-A ${line}\n`).join('')}COMMIT\n`,
    );
  }
}

function saved(): IptablesRuleset {
  const [four = '', six = ''] = ([4, 6] as const).map((family) =>
    execute(program('nft', family, 'save'), ['-t', 'filter']),
  );
  return new IptablesRuleset(four, six);
}

describe('the evaluator of what iptables-save prints agrees with real packets on', () => {
  it.each([
    ['hosts', ['INPUT -s 127.0.0.1 -j DROP', '6 INPUT -s fd77::1 -j DROP']],
    ['networks', ['INPUT -s 127.0.0.0/24 -j DROP', '6 INPUT -s fd77::/64 -j REJECT']],
    ['prefixes within a byte', ['INPUT -s 127.0.0.2/31 -j DROP', '6 INPUT -s fd77::2/127 -j DROP']],
    ['everything of one family', ['INPUT -s 0.0.0.0/0 -j DROP']],
    ['destinations, going out', ['OUTPUT -d 127.0.0.1 -j DROP', '6 OUTPUT -d fd77::/64 -j DROP']],
    ['two addresses', ['INPUT -s 127.0.0.0/8 -d 127.1.0.0/16 -j DROP', '6 INPUT -s fd77::3 -d fd77::1 -j DROP']],
    ['rejects', ['INPUT -s 127.0.0.1 -j REJECT', '6 INPUT -s fd77::3 -j REJECT']],
    ['a reject whose news are dropped', ['INPUT -s 127.0.0.2 -d 127.0.0.1 -j DROP', 'INPUT -s 127.0.0.1 -j REJECT']],
    ['an accept above a drop', ['INPUT -s 127.0.0.1 -j ACCEPT', 'INPUT -s 127.0.0.0/24 -j DROP']],
    ['a drop above an accept', ['INPUT -s 127.0.0.0/24 -j DROP', 'INPUT -s 127.0.0.1 -j ACCEPT']],
    ['interfaces', ['INPUT -i lo -s 127.0.0.1 -j DROP', 'INPUT -i eth0 -j DROP', '6 OUTPUT -o lo -d fd77::1 -j DROP']],
    ['beginnings of names', ['INPUT -i l+ -s 127.0.0.1 -j DROP', 'INPUT -i lo1+ -j DROP', 'OUTPUT -o e+ -j DROP']],
    ['ports', ['INPUT -s 127.0.0.1 -p tcp -m tcp --dport 7777 -j DROP', '6 INPUT -p tcp --sport 40001 -j DROP']],
    ['TCP resets', ['INPUT -s 127.0.0.2 -p tcp -j REJECT --reject-with tcp-reset', 'INPUT -s 127.0.0.2 -j DROP']],
  ])('%s', async (_, lines) => {
    append(lines);
    const ruleset = saved();
    const expected = foreseen((packet) => ruleset.verdict(packet));
    expect(new Set(expected.map((line) => line.split(': ')[1])).size, 'the lines tell packets apart').toBeGreaterThan(
      1,
    );
    await expect.poll(() => loopback.met(), { interval: 50, timeout: 5000 }).toEqual(expected);
  });
});

describe('the evaluator of what iptables-save prints', () => {
  it('knows the chain, the family and both interfaces of what is forwarded', () => {
    append(['FORWARD -s 10.0.0.0/8 -d 10.1.0.0/16 -i eth+ -o lan0 -j REJECT']);
    const ruleset = saved();
    const packet = {
      ...({ chain: 'forward', in: 'eth1', out: 'lan0' } as const),
      ...{ source: parseAddress('10.0.0.1'), destination: parseAddress('10.1.0.1') },
    };
    const outside = parseAddress('10.2.0.1');
    const six = parseAddress('2001:db8::1');
    const verdicts = [
      packet,
      { ...packet, chain: 'input' as const },
      { ...packet, in: 'lan0' },
      { ...packet, out: 'lan01' },
      { ...packet, destination: outside },
      { ...packet, source: six, destination: six },
    ].map((each) => ruleset.verdict(each));
    expect(verdicts).toEqual(['reject', 'continue', 'continue', 'continue', 'continue', 'continue']);
  });

  it.each([
    ['a negation', 'INPUT ! -s 10.0.0.1 -j DROP'],
    ['a mask that is no prefix', 'INPUT -s 10.0.0.1/255.0.0.255 -j DROP'],
    ['another protocol', 'INPUT -p udp -j DROP'],
    ['a protocol without its match', 'INPUT -p icmp -j DROP'],
    ['a range of ports', 'INPUT -p tcp --dport 1:3 -j DROP'],
    ['another match', 'INPUT -m state --state NEW -j DROP'],
    ['another target', 'INPUT -j LOG'],
    ['no target', 'INPUT -s 10.0.0.1'],
    ['another refusal', 'INPUT -j REJECT --reject-with icmp-host-unreachable'],
  ])('throws on %s', (_, line) => {
    append([line]);
    expect(saved).toThrow(/^(?:Not known what iptables-save means by |Incorrect netmask )/);
  });

  it.each([
    ['a chain of somebody', '*filter\n:INPUT ACCEPT [0:0]\n:mine - [0:0]\nCOMMIT\n'],
    ['another table', '*nat\n:INPUT ACCEPT [0:0]\nCOMMIT\n'],
    ['a policy that drops', '*filter\n:INPUT DROP [0:0]\nCOMMIT\n'],
    ['a table that it cannot show', "# Table `filter' is incompatible, use 'nft' tool.\n"],
  ])('throws on %s', (_, text) => {
    expect(() => new IptablesRuleset(text, '')).toThrow(/^Not known what iptables-save means by /);
  });
});
