import { describe, expect, it } from 'vitest';
import { chooseBackend, makeBackend, shortcomingsOf } from './backend.ts';
import { type Config, loadConfig } from './config.ts';
import { makeFolder } from './folder.fixture.ts';

const configOf = (...lines: string[]): Config =>
  loadConfig(makeFolder().config('local.server', 'whitelist.file = white.list', ...lines));

describe('makeBackend', () => {
  it.each(['iptables', 'nftables', 'memory'] as const)('makes the backend %s', (name) => {
    expect(makeBackend(name, configOf()).name).toBe(name);
  });
});

describe('chooseBackend', () => {
  it('says that memory blocks nothing', async () => {
    expect(await chooseBackend(configOf('firewall.backend = memory'))).toMatchObject({
      backend: { name: 'memory' },
      reason: 'asked for; rules are kept but nothing is blocked',
    });
  });
});

describe('shortcomingsOf', () => {
  const capabilities = { summary: '', shortcomings: ['It lacks this', 'It lacks that'], ipv6: true, lists: true };
  const noReset = 'reject.tcp.reset has no effect with iptables: reject answers with icmp port unreachable';

  it.each([
    ['iptables', [], []],
    ['iptables', ['reject.tcp.reset'], [noReset]],
    ['nftables', ['reject.tcp.reset'], []],
  ] as const)('of %s with %j names what the kernel lacks, and %j', (name, lines, more) => {
    const config = configOf(...lines);
    const chosen = { backend: makeBackend(name, config), capabilities, reason: '' };
    expect(shortcomingsOf(chosen, config)).toEqual(['It lacks this', 'It lacks that', ...more]);
  });
});
