import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { everyState } from '../../src/backends/backend.ts';
import type { NftablesBackend, NftablesOptions } from '../../src/backends/nftables/nftables.ts';
import { change, desired, readAll, rule, spec } from '../../src/backends/rule.fixture.ts';
import { ruleKey } from '../../src/domain/rule.ts';
import { ForwardedTraffic } from './forwarded-traffic.fixture.ts';
import { connection, datagrams } from './loopback.fixture.ts';
import { begun, clearTables, closeAll, probed } from './nftables.fixture.ts';

let backend: NftablesBackend;

async function begin(options: Partial<NftablesOptions> = {}): Promise<void> {
  backend = await begun(options);
}

beforeEach(() => begin());

afterEach(() => {
  closeAll();
  clearTables();
});

const put = (...add: readonly string[]): Promise<void> => backend.apply(change({ add }));

/** What each rule has met: `drop input any any 10.0.0.1/32 any: 2 packets, 58 bytes`. */
async function read(...rules: readonly string[]): Promise<string[]> {
  const states = await readAll(backend, rules);
  return states.map(({ spec, packets, bytes }) => `${ruleKey(spec)}: ${packets} packets, ${bytes} bytes`).toReversed();
}

/** What is not nothing of the totals: `input drop 2 58`. */
async function totals(): Promise<string> {
  const all = await backend.totals();
  return all
    .filter(({ packets }) => packets > 0n)
    .map(({ chain, action, packets, bytes }) => `${chain} ${action} ${packets} ${bytes}`)
    .toSorted()
    .join(', ');
}

/** Bytes of a datagram of one byte: headers of IPv4 and UDP, or of IPv6. */
const four = 20 + 8 + 1;
const six = 40 + 8 + 1;

describe('what rules have met', () => {
  const host = 'drop input any any 127.0.0.2/32 any';
  const net = 'drop input lo any 127.0.4.0/24 any';
  const other = 'accept output any lo any 127.0.6.0/24';
  const last = 'drop input any any ::1/128 any';
  const rules = [host, net, other, last];

  async function send(): Promise<void> {
    await datagrams('127.0.0.2', '127.0.0.1', 2);
    await datagrams('127.0.4.9', '127.0.0.1', 3);
    await datagrams('127.0.0.1', '127.0.6.1', 4);
    await datagrams('::1', '::1', 5);
  }

  it('is counted for each, and in all by chain and action', async () => {
    await put(...rules);
    await send();
    expect(await read(...rules)).toEqual([
      // Newest first in their chains, and these are turned round.
      `${other}: 4 packets, ${4 * four} bytes`,
      `${host}: 2 packets, ${2 * four} bytes`,
      `${net}: 3 packets, ${3 * four} bytes`,
      `${last}: 5 packets, ${5 * six} bytes`,
    ]);
    expect(await totals()).toBe(`input drop 10 ${5 * four + 5 * six}, output accept 4 ${4 * four}`);
  });

  it('is zero for each without counters, and counted in all', async () => {
    await begin({ counters: false });
    await put(...rules);
    await send();
    expect(await read(host, net)).toEqual([`${host}: 0 packets, 0 bytes`, `${net}: 0 packets, 0 bytes`]);
    expect(await totals()).toBe(`input drop 10 ${5 * four + 5 * six}, output accept 4 ${4 * four}`);
    await backend.apply({ ...change({}), renew: [{ ...rule(host), expiresAt: Date.now() + 60_000 }] });
    expect(await datagrams('127.0.0.2', '127.0.0.1')).toBe('silence');
  });

  it('stays in the totals when the chains are written anew, rules go, and the backend is another', async () => {
    await put(...rules);
    await send();
    const all = `input drop 10 ${5 * four + 5 * six}, output accept 4 ${4 * four}`;
    await put('reject input eth9 any 127.0.0.0/8 any', 'accept input any any ::/0 any');
    expect(await totals()).toBe(all);
    await backend.apply(change({ remove: [host, other] }));
    await backend.replace(desired({ rules: [last, net], whitelist: ['192.0.2.0/24'] }));
    expect(await totals()).toBe(all);
    backend.close();
    backend = await probed();
    expect(await totals()).toBe(all);
    await backend.replace(desired({ rules: [net] }));
    expect(await totals()).toBe(all);
    await datagrams('127.0.4.9', '127.0.0.1');
    expect(await totals()).toBe(`input drop 11 ${6 * four + 5 * six}, output accept 4 ${4 * four}`);
  });

  it('stays with a rule when others come and go around it', async () => {
    await put(...rules);
    await send();
    await put('accept input eth9 any 127.0.0.0/8 any', 'drop input any any 127.0.0.3/32 any');
    await backend.apply(change({ remove: [net, last] }));
    expect(await read(host)).toEqual([`${host}: 2 packets, ${2 * four} bytes`]);
  });

  it('is nothing after a teardown', async () => {
    await put(...rules);
    await send();
    expect(await backend.teardown()).toEqual(['table inet rfw']);
    expect(await backend.totals()).toEqual([]);
    expect(await readAll(backend)).toEqual([]);
    expect(await backend.teardown()).toEqual([]);
  });
});

describe.each([false, true])('with TCP reset: %s,', (rejectTcpWithReset) => {
  it('each packet that is rejected counts once', async () => {
    await begin({ rejectTcpWithReset });
    const host = 'reject input any any 127.0.0.2/32 any';
    const net = 'reject input any any 127.0.4.0/24 any';
    await put(host, net);
    await datagrams('127.0.0.2', '127.0.0.1');
    await connection('127.0.0.2', '127.0.0.1');
    await datagrams('127.0.4.2', '127.0.0.1');
    const counts = (await readAll(backend, [host, net])).map(({ packets }) => packets);
    expect(counts).toEqual([1n, 2n]);
    expect(await totals()).toMatch(/^input reject 3 \d+$/);
  });
});

describe('packets that are forwarded', () => {
  const traffic = new ForwardedTraffic();

  beforeEach(() => traffic.open());
  afterEach(() => traffic.close());

  it.each([false, true])(
    'count for pairs too, which keep their counts as others come and go; TCP reset: %s',
    async (reset) => {
      await begin({ rejectTcpWithReset: reset });
      const pair = 'drop forward any any 10.1.0.2/32 10.2.0.2/32';
      const pair6 = 'reject forward eth1 any fd77:1::/64 fd77:2::2/128';
      const source = 'drop forward any any 10.1.0.3/32 any';
      await put(pair, pair6, source);
      await traffic.send('10.1.0.2', '10.2.0.2', 3);
      await traffic.send('fd77:1::2', 'fd77:2::2', 2);
      await traffic.send('10.1.0.3', '10.2.0.2', 1);
      const met = [
        `${pair}: 3 packets, ${3 * four} bytes`,
        `${pair6}: 2 packets, ${2 * six} bytes`,
        `${source}: 1 packets, ${four} bytes`,
      ];
      expect(await read(pair, pair6, source)).toEqual(met);
      expect(await totals()).toBe(`forward drop 4 ${4 * four}, forward reject 2 ${2 * six}`);
      await put('accept forward any any 10.1.0.2/32 10.2.0.9/32');
      await backend.apply({
        ...change({ remove: [source] }),
        renew: [{ ...rule(pair), expiresAt: Date.now() + 60_000 }],
      });
      expect(await read(pair, pair6)).toEqual(met.slice(0, 2));
    },
  );
});

describe('3,000 rules', () => {
  const many = Array.from(
    { length: 3000 },
    (_, index) => `drop input any any 127.7.${index >> 8}.${index & 255}/32 any`,
  );
  const met = ['127.7.0.0', '127.7.3.77', '127.7.11.183'];

  it('are listed page by page, from the newest to the oldest', async () => {
    await put(...many);
    for (const address of met) await datagrams(address, '127.0.0.1', 2);
    const pages: number[] = [];
    for await (const page of backend.read(many.map(spec).reverse())) pages.push(page.length);
    expect(Math.max(...pages)).toBeLessThanOrEqual(250);
    const states = await readAll(backend, many);
    expect(states.map(({ spec }) => ruleKey(spec))).toEqual(many.toReversed());
    expect(states.map(({ position }) => position)).toEqual(many.map((_, index) => index + 1));
    const counted = states.filter(({ packets }) => packets > 0n);
    expect(counted.map(({ position, packets }) => `${position} ${packets}`)).toEqual(['1 2', '2155 2', '3000 2']);
  });

  it('are listed while they are taken out and put again', async () => {
    await put(...many);
    const pages = backend.read(many.map(spec).reverse())[Symbol.asyncIterator]();
    const listed: string[] = [];
    for (let page = await pages.next(), round = 0; !page.done; page = await pages.next(), round++) {
      listed.push(...page.value.map(({ spec }) => ruleKey(spec)));
      const some = many.slice(round * 200, round * 200 + 150);
      await backend.apply(change({ remove: some, add: round % 2 === 0 ? [] : some }));
    }
    expect(listed).toEqual(many.toReversed());
  });

  it('are listed while the backend brings them in anew', async () => {
    await put(...many);
    const [states] = await Promise.all([
      everyState(backend.read(many.map(spec).reverse())),
      backend.replace(desired({ rules: many.toReversed() })),
    ]);
    expect(states).toHaveLength(3000);
  });
});
