import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { processorTime } from '../cpu.fixture.ts';
import { Daemon } from './daemon.fixture.ts';
import { Firewall, variants } from './firewall.fixture.ts';
import { Network, runIn } from './network.fixture.ts';
import { mustPing, ping } from './probe.fixture.ts';
import { until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';

const network = new Network();
const program = new Program();
let client = '';
let host = '';

beforeAll(async () => {
  client = await network.namespace('client');
  host = await network.namespace('host');
  await network.link(
    { namespace: client, device: 'eth0', addresses: ['10.78.1.2/24'] },
    { namespace: host, device: 'eth0', addresses: ['10.78.1.1/24'] },
  );
});

afterAll(async () => {
  await network.close();
  program.remove();
});

interface DriftLine {
  readonly count: number;
  readonly missing: number;
  readonly msg: string;
}

describe.each(variants)('with %s', (variant) => {
  let daemon: Daemon;
  let firewall: Firewall;
  let standing: string[] = [];

  beforeEach(async () => {
    daemon = new Daemon({ program, namespace: host, iptables: variant });
    firewall = new Firewall(host, variant);
    await daemon.start();
    await mustPing(client, '10.78.1.1');
    await daemon.put('/drop/input/any/10.78.1.2');
    await daemon.put('/drop/input/any/2001:db8::/64');
    standing = await firewall.rules();
  });

  afterEach(async () => {
    await daemon.delete('/drop/input/any/10.78.1.2');
    await daemon.delete('/drop/input/any/2001:db8::/64');
    await daemon.stop();
  });

  /** The lines of the log that tell of drift. */
  function drift(): DriftLine[] {
    const lines = daemon.log.split('\n').filter((line) => line.includes('"Drift: '));
    return lines.map((line) => JSON.parse(line) as DriftLine);
  }

  /** Waits until the rules are back. @returns the milliseconds that took */
  async function repaired(): Promise<number> {
    const begin = performance.now();
    await until('the rules are back', async () => (await firewall.rules()).join() === standing.join());
    return performance.now() - begin;
  }

  const attacks = [
    ['iptables -F', [variant, '-F']],
    ['the deletion of a rule', [variant, '-D', 'INPUT', '-s', '10.78.1.2', '-j', 'DROP']],
    ...(variant === 'iptables-nft' ? ([['nft flush ruleset', ['nft', 'flush', 'ruleset']]] as const) : []),
  ] as const;

  it.each(attacks)(
    'repairs %s about a second later, counts it in the log, and drops packets again',
    async (_, command) => {
      expect(await ping(client, '10.78.1.1')).toBe('silence');
      const [file, ...args] = command;
      expect(await runIn(host, file, ...args)).toMatchObject({ status: 0 });
      // With the time that the test itself takes to look.
      expect(await repaired()).toBeLessThan(1500);
      expect(await ping(client, '10.78.1.1')).toBe('silence');
      await until('the log tells', () => drift().length > 0);
      expect(drift()).toMatchObject([{ count: 1, missing: expect.any(Number) }]);
      expect(drift()[0]?.msg).toContain('the first time since the start');
      const page = await daemon.request('GET', '/');
      expect(page.body).toContain('\nDrift repaired   1\n');
    },
  );

  it('is not worn down by a program that keeps flushing, and has its way in the end', async () => {
    const script = `for n in $(seq 20); do ${variant} -w -F INPUT; sleep 0.1; done`;
    const begin = performance.now();
    expect(await runIn(host, 'sh', '-c', script)).toMatchObject({ status: 0 });
    const seconds = (performance.now() - begin) / 1000;
    // At 0, 0.25, 0.75, 1.75, 3.75 s and so on.
    const most = Math.ceil(Math.log2(4 * seconds + 1)) + 1;
    expect(drift().length).toBeLessThanOrEqual(most);
    await repaired();
    await until('all is told', () => drift().length > 0);
    const counts = drift().map(({ count }) => count);
    expect(counts).toEqual(counts.map((_, index) => index + 1));
    expect(counts.length).toBeLessThanOrEqual(most + 1);
    expect(await ping(client, '10.78.1.1')).toBe('silence');
  });

  it('lets others have their rules, and says nothing of that', async () => {
    await firewall.change(4, '-I INPUT -s 10.78.9.9 -j ACCEPT');
    await firewall.change(4, '-A INPUT -s 10.78.9.8 -j ACCEPT');
    await sleep(1500);
    await firewall.change(4, '-D INPUT -s 10.78.9.9 -j ACCEPT');
    await firewall.change(4, '-D INPUT -s 10.78.9.8 -j ACCEPT');
    await sleep(1500);
    expect(await firewall.rules()).toEqual(standing);
    expect(drift()).toEqual([]);
  });

  it('costs next to nothing while nobody does anything', async () => {
    await sleep(1500);
    const before = processorTime(daemon.pid);
    await sleep(5000);
    // Three percent of one processor at most.
    expect(processorTime(daemon.pid) - before).toBeLessThanOrEqual(150);
  });
});
