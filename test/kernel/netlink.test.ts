import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Connection } from '../../src/netlink/connection.ts';
import { dump } from '../../src/netlink/dump.ts';
import type { Message } from '../../src/netlink/message.ts';
import { Flag } from '../../src/netlink/message.ts';
import * as nftables from '../../src/netlink/nftables/commands.ts';
import { Hook, KeyType, SetFlag, Verdict } from '../../src/netlink/nftables/constants.ts';
import { ElementList } from '../../src/netlink/nftables/elements.ts';
import { chain, rule, set, table } from '../../src/netlink/nftables/objects.ts';
import * as line from '../../src/netlink/nftables/statements.ts';
import { elements, ipv4, ipv6, nft, refusalOf, ruleset, t } from './netlink.fixture.ts';

let connection: Connection;

beforeEach(() => {
  // Tests of iptables leave empty tables behind.
  nft('flush ruleset');
  connection = Connection.open();
});

afterEach(() => {
  connection.close();
  nft('flush ruleset');
});

describe('nft lists what we load as what it loads itself', () => {
  /** Loads one way, then the other, and compares the two listings. */
  function same(messages: readonly Message[], script: string): void {
    connection.transact(messages);
    const ours = ruleset();
    nft(`flush ruleset\n${script}`);
    expect(ours).toEqual(ruleset());
  }

  it('a table with hooks, sets and every statement', () => {
    const networks = new ElementList(4);
    networks.addRange(0xc6336400, 0xc63364ff);
    networks.addRange(0xcb007100, 0xcb007105, 60_000);
    const hooked = { type: 'filter', hook: Hook.input, priority: -10, policy: Verdict.accept } as const;
    const source4 = [line.matchFamily('ip4'), line.loadSource('ip4')].flat();
    const rules = [
      [source4, line.matchSet('h4'), line.counter(), line.drop()],
      [line.matchFamily('ip6'), line.loadSource('ip6'), line.matchSet('h6'), line.reject()],
      [line.matchInput('eth0'), source4, line.matchSet('n4'), line.drop()],
      [
        line.matchOutput('ppp*'),
        line.matchFamily('ip4'),
        line.loadDestination('ip4'),
        line.matchSet('n4'),
        line.accept(),
      ],
      [line.matchFamily('ip4'), line.matchSource('ip4', Uint8Array.of(10, 32, 0, 0), 11), line.drop()],
      [line.matchProtocol(line.Protocol.tcp), line.rejectWithReset()],
      [source4, line.matchNotInSet('h4'), line.matchDestinationPort('tcp', 7393), line.drop()],
      [line.matchState(0x6), line.accept()],
      [line.limitPackets(10, 1, 5), line.accept()],
      [line.jump('other')],
    ];
    same(
      [
        nftables.addTable(t),
        nftables.addChain(t, 'base', hooked),
        nftables.addChain(t, 'other'),
        nftables.addSet(t, 'h4', { ...ipv4, flags: SetFlag.timeout, counters: true }),
        nftables.addSet(t, 'h6', { ...ipv6, timeout: 3_600_000, size: 1000 }),
        nftables.addSet(t, 'n4', { ...ipv4, flags: SetFlag.interval | SetFlag.timeout }),
        ...nftables.addElements(t, 'h4', elements(4, [0xc0000201, 60_000], [0xc0000202])),
        ...nftables.addElements(t, 'h6', elements(16, [(0x20010db8n << 96n) + 1n])),
        ...nftables.addElements(t, 'n4', networks),
        ...rules.map((statements) => nftables.addRule(t, 'base', statements)),
        nftables.addRule(t, 'other', [line.leave()], { userData: nftables.comment('why') }),
      ],
      `table inet t {
        set h4 { type ipv4_addr; flags timeout; counter; elements = { 192.0.2.1 timeout 60s, 192.0.2.2 } }
        set h6 { type ipv6_addr; flags timeout; timeout 1h; size 1000; elements = { 2001:db8::1 } }
        set n4 { type ipv4_addr; flags interval, timeout;
          elements = { 198.51.100.0/24, 203.0.113.0-203.0.113.5 timeout 60s } }
        chain base { type filter hook input priority filter - 10; policy accept;
          ip saddr @h4 counter drop
          ip6 saddr @h6 reject with icmpx type port-unreachable
          iifname "eth0" ip saddr @n4 drop
          oifname "ppp*" ip daddr @n4 accept
          ip saddr 10.32.0.0/11 drop
          meta l4proto tcp reject with tcp reset
          ip saddr != @h4 tcp dport 7393 drop
          ct state established,related accept
          limit rate 10/second burst 5 packets accept
          jump other
        }
        chain other { return comment "why"; }
      }`,
    );
  });

  it('named counters, ports of either side, and elements that have met something', () => {
    same(
      [
        nftables.addTable(t),
        nftables.addCounter(t, 'dropped'),
        nftables.addChain(t, 'c'),
        nftables.addSet(t, 'h4', { ...ipv4, flags: SetFlag.timeout, counters: true }),
        nftables.addFullElements(t, 'h4', [
          {
            key: { value: Uint8Array.of(192, 0, 2, 3) },
            timeout: 60_000n,
            expression: { name: 'counter', data: { packets: 7n, bytes: 700n } },
          },
        ]),
        nftables.addRule(t, 'c', [line.matchSourcePort('tcp', 7393), line.countIn('dropped'), line.drop()]),
      ],
      `table inet t {
        counter dropped { }
        set h4 { type ipv4_addr; flags timeout; counter;
          elements = { 192.0.2.3 counter packets 7 bytes 700 timeout 60s } }
        chain c { tcp sport 7393 counter name "dropped" drop; }
      }`,
    );
  });

  it('deletes a counter that no rule counts in any more', () => {
    connection.transact([
      nftables.addTable(t),
      nftables.addCounter(t, 'dropped'),
      nftables.addCounter(t, 'kept'),
      nftables.addChain(t, 'c'),
      nftables.addRule(t, 'c', [line.countIn('dropped')]),
    ]);
    expect(refusalOf(() => connection.transact([nftables.deleteCounter(t, 'dropped')]))).toMatchObject({
      code: 'EBUSY',
    });
    same(
      [nftables.flushChain(t, 'c'), nftables.deleteCounter(t, 'dropped')],
      'table inet t { counter kept { }; chain c { }; }',
    );
  });

  it('takes elements that count although their set does not, for which nft has no words', () => {
    const counting = elements(4, [2]);
    counting.add(1, 60_000, true);
    connection.transact([
      nftables.addTable(t),
      nftables.addSet(t, 's', { ...ipv4, flags: SetFlag.timeout }),
      ...nftables.addElements(t, 's', counting),
    ]);
    const [request] = nftables.getElements(t, 's', elements(4, [1], [2]));
    if (request === undefined) throw new Error('no request');
    const found = nftables.readElements(connection.request(request));
    expect(found.map(({ expression }) => expression?.name)).toEqual(['counter', undefined]);
  });

  it('sends what takes the kernel a while from another thread, with the same answers', async () => {
    const list = new ElementList(4);
    for (let index = 0; index < 50_000; index++) list.add(index);
    let turns = 0;
    const clock = setInterval(() => turns++, 1);
    const add = nftables.addElements(t, 's', list);
    await connection.transactAside([nftables.addTable(t), nftables.addSet(t, 's', ipv4), ...add]);
    clearInterval(clock);
    expect(turns).toBeGreaterThan(0);
    const again = nftables.createElements(t, 's', elements(4, [1_000_000], [7]));
    await expect(connection.transactAside(again)).rejects.toMatchObject({ code: 'EEXIST', attribute: 'elements[1]' });
    const [reply] = connection.request(nftables.getSet(t, 's'));
    expect([50_000, undefined]).toContain(reply && nftables.read(set, reply).count);
  });

  it('ranges up to the last address and from the first', () => {
    const v4 = new ElementList(4);
    v4.addRange(0, 0x00ffffff);
    v4.addRange(0xff000000, 0xffffffff);
    const v6 = new ElementList(16);
    v6.addRange(0n, (1n << 120n) - 1n);
    v6.addRange(0xffn << 120n, (1n << 128n) - 1n);
    same(
      [
        nftables.addTable(t),
        nftables.addSet(t, 'v4', { ...ipv4, flags: SetFlag.interval }),
        nftables.addSet(t, 'v6', { ...ipv6, flags: SetFlag.interval }),
        ...nftables.addElements(t, 'v4', v4),
        ...nftables.addElements(t, 'v6', v6),
      ],
      `table inet t {
        set v4 { type ipv4_addr; flags interval; elements = { 0.0.0.0/8, 255.0.0.0/8 } }
        set v6 { type ipv6_addr; flags interval; elements = { ::/8, ff00::/8 } }
      }`,
    );
  });

  it('twenty thousand elements, which take several messages', () => {
    const list = new ElementList(4);
    for (let index = 0; index < 20_000; index++) list.add(0x0a000000 + 3 * index, 3_600_000);
    const messages = nftables.addElements(t, 's', list);
    expect(messages.length).toBeGreaterThan(8);
    const script = Array.from({ length: 20_000 }, (_, index) => {
      const address = 3 * index;
      return `10.${address >> 16}.${(address >> 8) & 255}.${address & 255} timeout 1h`;
    });
    same(
      [nftables.addTable(t), nftables.addSet(t, 's', { ...ipv4, flags: SetFlag.timeout }), ...messages],
      `table inet t { set s { type ipv4_addr; flags timeout; elements = { ${script.join(', ')} }\n }\n }`,
    );
  });

  it('what was deleted, inserted, replaced and flushed', async () => {
    connection.transact([
      nftables.addTable(t),
      nftables.addChain(t, 'c'),
      nftables.addChain(t, 'gone'),
      nftables.addSet(t, 's', ipv4),
      nftables.addSet(t, 'gone', ipv4),
      nftables.addSet(t, 'emptied', ipv4),
      ...nftables.addElements(t, 's', elements(4, [1], [2], [3])),
      ...nftables.addElements(t, 'emptied', elements(4, [1], [2], [3])),
      nftables.addRule(t, 'c', [line.drop()]),
      nftables.addRule(t, 'c', [line.accept()]),
      nftables.addRule(t, 'gone', [line.accept()]),
    ]);
    const handles = (await dump(nftables.listRules(t, 'c'))).map((reply) => nftables.read(rule, reply).handle ?? 0n);
    expect(handles).toHaveLength(2);
    const [first = 0n, second = 0n] = handles;
    same(
      [
        nftables.insertRule(t, 'c', [line.counter(), line.accept()]),
        nftables.replaceRule(t, 'c', second, [line.leave()]),
        nftables.deleteRule(t, 'c', first),
        nftables.flushChain(t, 'gone'),
        nftables.deleteChain(t, 'gone'),
        nftables.deleteSet(t, 'gone'),
        nftables.flushSet(t, 'emptied'),
        ...nftables.deleteElements(t, 's', elements(4, [2])),
        ...nftables.destroyElements(t, 's', elements(4, [77])),
        nftables.destroyTable({ family: 'inet', name: 'never' }),
      ],
      `table inet t {
        set s { type ipv4_addr; elements = { 0.0.0.1, 0.0.0.3 } }
        set emptied { type ipv4_addr; }
        chain c { counter accept; return; }
      }`,
    );
  });
});

describe('reading', () => {
  it('single elements by key: their timeout, the time left, their counter', () => {
    connection.transact([
      nftables.addTable(t),
      nftables.addSet(t, 's', { ...ipv4, flags: SetFlag.timeout, counters: true }),
      ...nftables.addElements(t, 's', elements(4, [1, 60_000], [2], [3])),
    ]);
    const [request] = nftables.getElements(t, 's', elements(4, [1], [3]));
    if (request === undefined) throw new Error('no request');
    const [one, three, ...more] = nftables.readElements(connection.request(request));
    expect(more).toEqual([]);
    expect(one).toMatchObject({ key: { value: Uint8Array.of(0, 0, 0, 1) }, timeout: 60_000n });
    expect(one?.expiration).toBeGreaterThan(50_000n);
    expect(one?.expression).toEqual({ name: 'counter', data: { bytes: 0n, packets: 0n } });
    expect(three?.key).toEqual({ value: Uint8Array.of(0, 0, 0, 3) });
    expect(three?.timeout).toBeUndefined();

    const [missing] = nftables.getElements(t, 's', elements(4, [1], [9]));
    if (missing === undefined) throw new Error('no request');
    expect(refusalOf(() => connection.request(missing))).toMatchObject({
      code: 'ENOENT',
      operation: 'get element inet t s',
      attribute: 'elements[1]',
    });
  });

  it('a set, whose elements newer kernels count', () => {
    const add = nftables.addElements(t, 's', elements(4, [1], [2]));
    connection.transact([nftables.addTable(t), nftables.addSet(t, 's', { ...ipv4, size: 100 }), ...add]);
    const [reply] = connection.request(nftables.getSet(t, 's'));
    const found = reply && nftables.read(set, reply);
    expect(found).toMatchObject({ name: 's', table: 't', description: { size: 100 } });
    // Newer than Linux 6.12; before, it's absent.
    expect([2, undefined]).toContain(found?.count);
  });

  it('tables, chains, rules, sets and elements', async () => {
    nft(`table inet t {
      set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 } }
      chain c { type filter hook forward priority 5; policy drop; meta mark 7 ip saddr @s log drop; }
    }`);
    const [tables, chains, rules, sets, found] = await Promise.all(
      [
        nftables.listTables('inet'),
        nftables.listChains('inet'),
        nftables.listRules(t),
        nftables.listSets(t),
        nftables.listElements(t, 's'),
      ].map(dump),
    );
    expect(tables?.map((reply) => nftables.read(table, reply).name)).toEqual(['t']);
    expect(chains?.map((reply) => nftables.read(chain, reply))).toMatchObject([
      { name: 'c', type: 'filter', policy: Verdict.drop, hook: { number: Hook.forward, priority: 5 } },
    ]);
    expect(sets?.map((reply) => nftables.read(set, reply))).toMatchObject([
      { name: 's', keyType: KeyType.ipv4, keyLength: 4, flags: SetFlag.interval },
    ]);
    // nft writes log, for which there is no table here, and is still understood.
    const names = rules?.flatMap((reply) => nftables.read(rule, reply).expressions ?? []).map(({ name }) => name);
    expect(names).toEqual(['meta', 'cmp', 'meta', 'cmp', 'payload', 'lookup', '?', 'immediate']);
    const keys = nftables.readElements(found ?? []).map(({ key, flags }) => [...(key?.value ?? []), flags]);
    expect(keys).toEqual(
      expect.arrayContaining([
        [10, 0, 0, 0, undefined],
        [11, 0, 0, 0, 1],
      ]),
    );
  });

  it('a set of fifty thousand, with turns of the event loop in between', async () => {
    const list = new ElementList(4);
    for (let address = 0; address < 50_000; address++) list.add(address);
    const add = nftables.addElements(t, 's', list);
    // With its size known the kernel takes a table that doesn't grow: one that grows while it's read repeats elements.
    const fixed = nftables.addSet(t, 's', { ...ipv4, size: 50_000 });
    connection.transact([nftables.addTable(t), fixed, ...add]);
    let turns = 0;
    let reading = true;
    const count = () => {
      turns++;
      if (reading) setImmediate(count);
    };
    setImmediate(count);
    const found = nftables.readElements(await dump(nftables.listElements(t, 's')));
    reading = false;
    expect(found).toHaveLength(50_000);
    expect(turns).toBeGreaterThan(10);
  });

  it('what a transaction made, with NLM_F_ECHO', () => {
    connection.transact([nftables.addTable(t), nftables.addChain(t, 'c')]);
    const add = nftables.addRule(t, 'c', [line.drop()]);
    const echoing = { ...add, flags: add.flags | Flag.echo };
    const [made] = connection.transact([echoing]).get(echoing) ?? [];
    const handle = made && nftables.read(rule, made).handle;
    connection.transact([nftables.deleteRule(t, 'c', handle ?? 0n)]);
  });
});
