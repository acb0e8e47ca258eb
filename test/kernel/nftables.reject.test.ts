import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NftablesBackend } from '../../src/backends/nftables/nftables.ts';
import { change, desired } from '../../src/backends/rule.fixture.ts';
import { must, run } from '../e2e/process.fixture.ts';
import { connection, datagrams } from './loopback.fixture.ts';
import { clearTables, closeAll, probed } from './nftables.fixture.ts';

/** What ICMP says of a ping from an address: the code of what is unreachable. */
async function ping(source: string, destination: string): Promise<string> {
  const { stdout } = await run('ping', ['-n', '-c', '1', '-W', '1', '-I', source, destination]);
  return /Destination.*$/m.exec(stdout)?.[0].trim() ?? (stdout.includes('1 received') ? 'an answer' : 'silence');
}

const rules = {
  'a host': 'reject input any any 127.0.0.2/32 any',
  'a network': 'reject input lo any 127.0.0.2/31 any',
  'a destination': 'reject output any any any 127.0.0.1/32',
  'an IPv6 host': 'reject input any any fd77::9/128 any',
} as const;

// News of what was rejected come from the other end, so that it has to have an address of its own.
beforeAll(() => must('ip', 'address', 'add', 'fd77::9/128', 'dev', 'lo', 'nodad'));
afterAll(() => must('ip', 'address', 'delete', 'fd77::9/128', 'dev', 'lo'));

describe.each([false, true])('with TCP reset: %s,', (rejectTcpWithReset) => {
  let backend: NftablesBackend;

  beforeEach(async () => {
    closeAll();
    clearTables();
    backend = await probed({ rejectTcpWithReset });
    await backend.replace(desired({}));
  });

  afterEach(() => {
    closeAll();
    clearTables();
  });

  it.each(Object.entries(rules))('what %s sends is refused at once', async (_, text) => {
    const [source, destination] = text.includes('fd77')
      ? (['fd77::9', '::1'] as const)
      : (['127.0.0.2', '127.0.0.1'] as const);
    expect(await datagrams(source, destination)).toBe('pass');
    expect(await ping(source, destination)).toBe('an answer');
    await backend.apply(change({ add: [text] }));
    const { met, milliseconds } = await connection(source, destination, 0, 3000);
    expect(met).toBe('refusal');
    // News by ICMPv6 come over the loopback interface while the socket still sends, and are lost on it until it sends again.
    expect(milliseconds).toBeLessThan(destination === '::1' && !rejectTcpWithReset ? 2000 : 400);
    expect(await datagrams(source, destination)).toBe('refusal');
    // What a local program sends and may not is told to itself by the call that sends.
    if (text.includes('input'))
      expect(await ping(source, destination)).toBe(
        `Destination ${destination === '::1' ? 'unreachable: Port unreachable' : 'Port Unreachable'}`,
      );
    await backend.apply(change({ remove: [text] }));
    expect(await datagrams(source, destination)).toBe('pass');
  });
});
