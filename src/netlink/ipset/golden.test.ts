import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../codec.ts';
import { DecodeError } from '../errors.ts';
import type { Message } from '../message.ts';
import { body, readFamily, readMessages, writeMessage } from '../message.ts';
import { Writer } from '../writer.ts';
import * as ipset from './commands.ts';
import { EntryList } from './entries.ts';
import { golden } from './golden.fixture.ts';
import { manyEntries, oneEntry, pair, plain, set, setType, version } from './objects.ts';

const v4 = new EntryList(4);
v4.add(0x0a000000, 8);
v4.add(0x01010101, 32);
v4.add(0xc0000207, 32);
const added = ipset.addEntries('a', v4);

const net = { type: 'hash:net', revision: 7 } as const;

/** What this library makes of each line; of single entries it makes none. */
const ours: Partial<Record<keyof typeof golden, Message>> = {
  version: ipset.askProtocol(),
  'type hash:net family inet': ipset.askType('hash:net', 4),
  'create a hash:net family inet hashsize 1024 maxelem 65536': ipset.createSet('a', {
    ...net,
    addressLength: 4,
    hashSize: 1024,
    maxElements: 65_536,
  }),
  'create b hash:net family inet6 timeout 600 counters maxelem 100000 hashsize 4096': ipset.createSet('b', {
    ...net,
    addressLength: 16,
    timeout: 600,
    counters: true,
    hashSize: 4096,
    maxElements: 100_000,
  }),
  // Without -exist, which is a flag of the message.
  '-exist add a 10.0.0.0/8 1.1.1.1 192.0.2.7': { ...added, flags: 0 },
  'test a 192.0.2.7': ipset.testEntry('a', Uint8Array.of(192, 0, 2, 7)),
  'swap a c': ipset.swapSets('a', 'c'),
  'flush a': ipset.flushSet('a'),
  'list a': ipset.listSets('entries', 'a'),
  'list -t': ipset.listSets('headers'),
  'destroy a': ipset.destroySet('a'),
};

/** The tables of the commands. */
const tables: Record<number, Codec<unknown>> = {
  1: version,
  2: set,
  3: plain,
  4: plain,
  6: pair,
  7: plain,
  9: manyEntries,
  10: oneEntry,
  11: oneEntry,
  13: setType,
};

function written(message: Message): string {
  const into = new Writer();
  writeMessage(into, message, 1);
  return Buffer.from(into.written).toString('hex');
}

/** A message of the capture, and how it is written again with another value or other flags. */
function read(caption: string, hex: string) {
  const [reply] = readMessages(Buffer.from(hex, 'hex'));
  if (reply === undefined) throw new Error('no message');
  // A single entry stands in another attribute than many.
  const codec = / a 1\S+$| b 2\S+( timeout 30)?$/.test(caption) ? oneEntry : tables[reply.type & 0xff];
  if (codec === undefined) throw new Error(`no table for message type ${reply.type}`);
  const { type, flags } = reply;
  const { family, attributes } = readFamily(reply);
  const rewrite = (value: unknown, flagged = flags) =>
    written({ operation: '', type, flags: flagged, family, body: body(codec, value) });
  return { flags, value: codec.read(attributes) as object, rewrite };
}

describe.each(Object.entries(golden))('%s', (caption, capture) => {
  const hex = capture.replaceAll(/\s/g, '');

  it('reads, and writes the same bytes again', () => {
    const { value, rewrite } = read(caption, hex);
    expect(rewrite(value)).toBe(hex);
  });

  const message = ours[caption as keyof typeof golden];
  // Of some there is only the answer, which the kernel writes.
  if (message === undefined) return;

  it('is what the builder sends, byte for byte, but for the older protocol', () => {
    const { flags, value, rewrite } = read(caption, hex);
    // The connection asks for acks, and `dump` for dumps.
    expect(written(message)).toBe(rewrite({ ...value, protocol: 6 }, flags & ~0x104 & ~dumping(caption)));
  });
});

const dumping = (caption: string): number => (caption.startsWith('list') ? 0x300 : 0);

it('names the operation as ipset would', () => {
  expect(Object.values(ours).map(({ operation }) => operation)).toEqual([
    'ipset version',
    'ipset type hash:net',
    'create a',
    'create b',
    'add a',
    'test a',
    'swap a c',
    'flush a',
    'list a',
    'list',
    'destroy a',
  ]);
});

it('refuses names that the kernel would cut short, and empty ones', () => {
  expect(() => ipset.flushSet('x'.repeat(31))).not.toThrow();
  expect(() => ipset.flushSet('x'.repeat(32))).toThrow('32 bytes');
  expect(() => ipset.destroySet('ä'.repeat(16))).toThrow('32 bytes');
  expect(() => ipset.swapSets('a', '')).toThrow('0 bytes');
});

it('puts the parts of a dump together, set by set', () => {
  const part = (name: string, ...lengths: number[]) => {
    const value = { name, entries: lengths.map((length) => ({ length })) };
    const into = new Writer();
    writeMessage(into, { operation: '', type: 0x607, flags: 0, family: 2, body: body(set, value) }, 1);
    const [reply] = readMessages(into.written);
    if (reply === undefined) throw new Error('no message');
    return reply;
  };
  const sets = ipset.readSets([part('a', 1, 2), part('a', 3), part('b'), part('b', 4)]);
  expect(sets.map(({ name, entries = [] }) => [name, ...entries.map(({ length }) => length)])).toEqual([
    ['a', 1, 2, 3],
    ['b', 4],
  ]);
});

it('gives a DecodeError and nothing else for any damage to what ipset sends', () => {
  const captures = Object.values(golden).map((capture) => Buffer.from(capture.replaceAll(/\s/g, ''), 'hex'));
  const damage = fc.array(fc.tuple(fc.nat(130), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(
      fc.constantFrom(...captures),
      damage,
      fc.nat(130),
      fc.constantFrom(...Object.values(tables), manyEntries),
      (capture, changes, length, table) => {
        const damaged = Buffer.from(capture.subarray(0, Math.max(20, length)));
        for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value;
        try {
          for (const reply of readMessages(damaged)) table.read(readFamily(reply).attributes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      },
    ),
    { numRuns: 5000 },
  );
});
