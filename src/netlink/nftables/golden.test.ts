import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../codec.ts';
import { DecodeError } from '../errors.ts';
import type { Message } from '../message.ts';
import { body, readFamily, readMessages, writeMessage } from '../message.ts';
import { Writer } from '../writer.ts';
import * as nft from './commands.ts';
import { ConnectionState, Hook, KeyType, SetFlag, Verdict } from './constants.ts';
import { ElementList } from './elements.ts';
import type { Expression } from './expressions.ts';
import { golden } from './golden.fixture.ts';
import { chain, elementList, rule, set, table } from './objects.ts';
import * as line from './statements.ts';

const t = { family: 'inet', name: 't' } as const;
const source4 = [line.matchFamily('ip4'), line.loadSource('ip4')].flat();

function host(keyLength: 4 | 16, address: number | bigint, timeout?: number): ElementList {
  const list = new ElementList(keyLength);
  list.add(address, timeout);
  return list;
}

/** What this library makes of each line. */
const ours: Record<keyof typeof golden, Message | readonly Message[]> = {
  'add table inet x': nft.addTable({ family: 'inet', name: 'x' }),
  'delete table inet t': nft.deleteTable(t),
  'add chain inet t input { type filter hook input priority filter - 10; policy accept; }': nft.addChain(t, 'input', {
    type: 'filter',
    hook: Hook.input,
    priority: -10,
    policy: Verdict.accept,
  }),
  'add chain inet t e': nft.addChain(t, 'e'),
  'delete chain inet t d': nft.deleteChain(t, 'd'),
  'flush chain inet t c': nft.flushChain(t, 'c'),
  'add rule inet t c ip saddr @h4 counter drop': nft.addRule(t, 'c', [
    source4,
    line.matchSet('h4'),
    line.counter(),
    line.drop(),
  ]),
  'add rule inet t c ip6 daddr @h6 accept': nft.addRule(t, 'c', [
    line.matchFamily('ip6'),
    line.loadDestination('ip6'),
    line.matchSet('h6'),
    line.accept(),
  ]),
  'add rule inet t c ip saddr != @h4 return': nft.addRule(t, 'c', [source4, line.matchNotInSet('h4'), line.leave()]),
  'add rule inet t c iifname "eth0" ip saddr @h4 drop': nft.addRule(t, 'c', [
    line.matchInput('eth0'),
    source4,
    line.matchSet('h4'),
    line.drop(),
  ]),
  'add rule inet t c oifname "ppp*" ip daddr @n4 jump d': nft.addRule(t, 'c', [
    line.matchOutput('ppp*'),
    line.matchFamily('ip4'),
    line.loadDestination('ip4'),
    line.matchSet('n4'),
    line.jump('d'),
  ]),
  'add rule inet t c ip saddr 10.0.0.0/8 drop': nft.addRule(t, 'c', [
    line.matchFamily('ip4'),
    line.matchSource('ip4', Uint8Array.of(10, 0, 0, 0), 8),
    line.drop(),
  ]),
  'add rule inet t c ip6 saddr 2001:db8::/33 drop': nft.addRule(t, 'c', [
    line.matchFamily('ip6'),
    line.matchSource('ip6', Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 33),
    line.drop(),
  ]),
  'add rule inet t c ip daddr 192.0.2.1 goto d': nft.addRule(t, 'c', [
    line.matchFamily('ip4'),
    line.matchDestination('ip4', Uint8Array.of(192, 0, 2, 1), 32),
    line.goTo('d'),
  ]),
  'add rule inet t c meta l4proto tcp reject with tcp reset': nft.addRule(t, 'c', [
    line.matchProtocol(line.Protocol.tcp),
    line.rejectWithReset(),
  ]),
  'add rule inet t c reject with icmpx type port-unreachable': nft.addRule(t, 'c', [line.reject()]),
  'add rule inet t c tcp dport 7393 return comment "guard"': nft.addRule(
    t,
    'c',
    [line.matchDestinationPort('tcp', 7393), line.leave()],
    { userData: nft.comment('guard') },
  ),
  'add rule inet t c ct state established,related accept': nft.addRule(t, 'c', [
    line.matchState(ConnectionState.established | ConnectionState.related),
    line.accept(),
  ]),
  'add rule inet t c limit rate 10/second burst 5 packets accept': nft.addRule(t, 'c', [
    line.limitPackets(10, 1, 5),
    line.accept(),
  ]),
  'insert rule inet t c handle 6 drop': nft.insertRule(t, 'c', [line.drop()], { position: 6n }),
  'delete rule inet t c handle 6': nft.deleteRule(t, 'c', 6n),
  'add set inet t s4 { type ipv4_addr; flags timeout; }': nft.addSet(t, 's4', {
    keyType: KeyType.ipv4,
    keyLength: 4,
    flags: SetFlag.timeout,
  }),
  'add set inet t s6 { type ipv6_addr; flags interval, timeout; size 1000; timeout 30s; counter; }': nft.addSet(
    t,
    's6',
    { keyType: KeyType.ipv6, keyLength: 16, flags: SetFlag.interval, size: 1000, timeout: 30_000, counters: true },
  ),
  'delete set inet t n4': nft.deleteSet(t, 'n4'),
  'add element inet t h4 { 192.0.2.1 timeout 1m }': nft.addElements(t, 'h4', host(4, 0xc0000201, 60_000)),
  'add element inet t h6 { 2001:db8::1 }': nft.addElements(t, 'h6', host(16, 0x20010db8n * (1n << 96n) + 1n)),
  'create element inet t h4 { 192.0.2.1 }': nft.createElements(t, 'h4', host(4, 0xc0000201)),
  'delete element inet t h4 { 192.0.2.9 }': nft.deleteElements(t, 'h4', host(4, 0xc0000209)),
};

/** The tables of the message types, without the subsystem. */
const tables: Record<number, Codec<unknown>> = {
  0: table,
  2: table,
  3: chain,
  5: chain,
  6: rule,
  8: rule,
  9: set,
  11: set,
  12: elementList,
  14: elementList,
};

function written(message: Message, sequence = 1): string {
  const into = new Writer();
  writeMessage(into, message, sequence);
  return Buffer.from(into.written).toString('hex');
}

interface Read {
  readonly codec: Codec<unknown>;
  readonly value: { readonly [key: string]: unknown };
  readonly rewrite: (value: unknown) => string;
}

function read(hex: string): Read {
  const [reply] = readMessages(Buffer.from(hex, 'hex'));
  if (reply === undefined) throw new Error('no message');
  const codec = tables[reply.type & 0xff];
  if (codec === undefined) throw new Error(`no table for message type ${reply.type}`);
  const { type, flags, sequence } = reply;
  const { family, attributes } = readFamily(reply);
  const rewrite = (value: unknown) =>
    written({ operation: '', type, flags, family, body: body(codec, value) }, sequence);
  return { codec, value: codec.read(attributes) as Read['value'], rewrite };
}

/** nft numbers sets within a batch, and refers to them by number beside the name: the one thing that we don't do. */
function withoutNumbers({ value, codec }: Read): object {
  const { setId: _, ...rest } = value;
  const expressions = (rest['expressions'] as readonly Expression[] | undefined)?.map((expression) => {
    if (expression.name !== 'lookup') return expression;
    const { setId: _id, ...data } = expression.data;
    return { ...expression, data };
  });
  return {
    ...rest,
    ...(codec === set && 'id' in rest ? { id: 1 } : {}),
    ...(expressions === undefined ? {} : { expressions }),
  };
}

describe.each(Object.entries(golden))('%s', (caption, capture) => {
  const hex = capture.replaceAll(/\s/g, '');

  it('reads, and writes the same bytes again', () => {
    const { value, rewrite } = read(hex);
    expect(rewrite(value)).toBe(hex);
  });

  it('is what the builder sends, byte for byte', () => {
    const [message, ...more] = [ours[caption as keyof typeof golden]].flat();
    const nfts = read(hex);
    expect(more).toEqual([]);
    expect(message && written(message)).toBe(nfts.rewrite(withoutNumbers(nfts)));
  });
});

it('names the operation as nft would', () => {
  const operations = Object.values(ours).flatMap((messages) => [messages].flat().map(({ operation }) => operation));
  for (const [index, caption] of Object.keys(golden).entries()) {
    const [words] = caption.split(/ (?:\{|ip|iif|oif|meta|reject|tcp|ct|limit|drop)/);
    expect(operations[index]).toBe(words?.replace(/^(insert.*) handle 6$/, '$1'));
  }
});

it('gives a DecodeError and nothing else for any damage to what nft sends', () => {
  const captures = Object.values(golden).map((capture) => Buffer.from(capture.replaceAll(/\s/g, ''), 'hex'));
  const damage = fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...captures), damage, fc.nat(500), (capture, changes, length) => {
      const damaged = Buffer.from(capture.subarray(0, Math.max(20, length)));
      for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value;
      try {
        for (const reply of readMessages(damaged)) tables[reply.type & 0xff]?.read(readFamily(reply).attributes);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
    { numRuns: 5000 },
  );
});
