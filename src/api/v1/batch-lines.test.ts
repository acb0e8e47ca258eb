import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ruleKey } from '../../domain/rule.ts';
import type { AskedCommand } from '../../engine/decide.ts';
import { admin, type Limits, type Principal } from '../access/principal.ts';
import { ItemChunk, ItemReader } from './batch-items.ts';
import { chunksOfLines } from './batch-lines.ts';

const principal = (limits: Limits = {}): Principal => ({ ...admin('local', 'local'), limits });

/** Reads a text that comes in pieces of so many bytes. */
async function read(text: string | Buffer, { piece = 7, limits = {} as Limits, most = 1000 } = {}): Promise<ItemChunk> {
  const bytes = Buffer.from(text);
  const content = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
  };
  const all = new ItemChunk();
  for await (const chunk of chunksOfLines(content(), new ItemReader(principal(limits), 60), () => most)) {
    expect(chunk.length).toBeLessThanOrEqual(most);
    all.append(chunk);
  }
  return all;
}

/** `2 put drop input any any 10.0.0.1/32 any 60`, and for refused lines `3 json-malformed: …`. */
function shown({ commands, places, refused }: ItemChunk): string[] {
  const rest = (command: AskedCommand): string =>
    command.kind === 'put' ? ` ${JSON.stringify(command.expire)} ${command.comment ?? ''}`.trimEnd() : '';
  return [
    ...commands.map((command, at): [number, string] => [
      places[at] ?? 0,
      `${command.kind} ${ruleKey(command.spec)}${rest(command)}`,
    ]),
    ...refused.map(({ place, error }): [number, string] => [place, `${error.code}: ${error.message}`]),
  ]
    .sort(([a], [b]) => a - b)
    .map(([place, text]) => `${place} ${text}`);
}

const drop = (source: string, rest = ''): string => `{"action":"drop","chain":"input","source":"${source}"${rest}}`;

describe('lines', () => {
  it('are items, with the number of the line', async () => {
    const lines = [drop('10.0.0.1'), '', drop('10.0.0.2', ',"ttl":"1h"'), ' \r', drop('2001:DB8::1', ',"comment":"ü"')];
    expect(shown(await read(lines.join('\n')))).toEqual([
      '1 put drop input any any 10.0.0.1/32 any 60',
      '3 put drop input any any 10.0.0.2/32 any 3600',
      '5 put drop input any any 2001:db8::1/128 any 60 ü',
    ]);
  });

  it('may put and delete, end with CRLF or not at all, and have the address anywhere', async () => {
    const lines = [
      '{"op":"delete","destination": "10.0.0.1", "chain":"output","action":"reject"}\r\n',
      '{"op":"delete","destination": "10.0.0.0/24", "chain":"output","action":"reject"}\r\n',
      '{"op":"put","action":"accept","chain":"forward","in":"eth0","out":"ppp+","source":"10.0.0.1","destination":"10.0.0.2","ttl":"permanent"}\r\n',
      '{"op":"put","action":"accept","chain":"forward","in":"eth0","out":"ppp+","source":"10.0.0.3","destination":"10.0.0.2","ttl":"permanent"}',
    ];
    expect(shown(await read(lines.join('')))).toEqual([
      '1 delete reject output any any any 10.0.0.1/32',
      '2 delete reject output any any any 10.0.0.0/24',
      '3 put accept forward eth0 ppp+ 10.0.0.1/32 10.0.0.2/32 0',
      '4 put accept forward eth0 ppp+ 10.0.0.3/32 10.0.0.2/32 0',
    ]);
  });

  it('that are no items are refused with a reason, and no other is', async () => {
    const lines = [
      drop('10.0.0.1'),
      drop('10.0.0.256'),
      drop('10.0.0.0/33'),
      '{"action":"drop"',
      '[]',
      drop('10.0.0.2', ',"tll":1'),
      drop('10.0.0.2', ',"ttl":1,"expiresAt":"2030-01-01T00:00:00Z"'),
      '{"op":"delete","action":"drop","chain":"input","source":"10.0.0.2","ttl":1}',
      '{"action":"drop","chain":"input"}',
      Buffer.from([0x22, 0xff, 0x22]).toString('latin1'),
      drop('10.0.0.3'),
    ];
    expect(shown(await read(Buffer.from(lines.join('\n'), 'latin1')))).toEqual([
      '1 put drop input any any 10.0.0.1/32 any 60',
      '2 address-invalid: Incorrect IP address: "10.0.0.256"',
      '3 mask-invalid: Incorrect netmask "33": it must be a number from 0 to 32',
      '4 json-malformed: The line is not JSON: it ends too early, at column 17',
      '5 request-invalid: The body must be object',
      '6 request-invalid: The field /tll is not known here',
      '7 expire-invalid: ttl and expiresAt say the same in two ways: give one of them',
      '8 request-invalid: The field /ttl has no meaning in a deletion',
      '9 address-invalid: An input rule needs a source, and only that',
      '10 json-malformed: The line is not JSON: it is not UTF-8',
      '11 put drop input any any 10.0.0.3/32 any 60',
    ]);
  });

  it('that are too long are refused and not kept', async () => {
    const long = drop('10.0.0.2', `,"comment":"${'x'.repeat(70_000)}"`);
    const never = 'x'.repeat(200_000);
    for (const piece of [1000, 50_000, 500_000]) {
      expect(shown(await read([drop('10.0.0.1'), long, drop('10.0.0.3'), never].join('\n'), { piece }))).toEqual([
        '1 put drop input any any 10.0.0.1/32 any 60',
        '2 request-invalid: The line is longer than 65536 bytes',
        '3 put drop input any any 10.0.0.3/32 any 60',
        '4 request-invalid: The line is longer than 65536 bytes',
      ]);
    }
  });

  it('are held against the limits of who asks, each of them', async () => {
    const limits = { shortestPrefix: { 4: 24 }, longestTtl: 60, actions: ['drop'] } as const;
    const lines = [drop('10.0.0.1'), drop('10.0.0.0/24'), drop('10.0.0.0/16'), drop('10.0.0.2', ',"ttl":61')];
    expect(
      shown(await read([...lines, '{"action":"accept","chain":"input","source":"10.0.0.1"}'].join('\n'), { limits })),
    ).toEqual([
      '1 put drop input any any 10.0.0.1/32 any 60',
      '2 put drop input any any 10.0.0.0/24 any 60',
      '3 beyond-limits: local may not ask for a prefix of /16. Allowed: /24 and longer for IPv4',
      '4 beyond-limits: local may not ask for 61 seconds. Allowed: at most 60 seconds',
      '5 beyond-limits: local may not ask for the action accept. Allowed: drop',
    ]);
  });

  it('that are alike are read as each alone, however the body is cut', async () => {
    const side = fc.constantFrom(
      '10.0.0.1',
      '10.0.0.0/8',
      '0.0.0.0/0',
      '::1',
      'fe80::/64',
      '1.2.3',
      '',
      '1.2.3.4/',
      'a.b',
    );
    const kind = fc.constantFrom<(address: string) => string>(
      (address) => drop(address),
      (address) => drop(address, ',"comment":"a \\"source\\":\\"1.2.3.4\\" b"'),
      (address) => `{"chain":"forward","destination":"${address}","action":"accept","comment":"é"}`,
      (address) => `{"chain":"forward","source":"10.0.0.1","destination":"${address}","action":"accept"}`,
      (address) => `{"action":"drop","chain":"input","source":"10.9.9.9","source":"${address}"}`,
      (address) => `{"op":"delete","action":"drop","chain":"input","source" :\t"${address}"}`,
      (address) => drop(address, '}{'),
    );
    const line = fc.tuple(kind, side).map(([make, address]) => make(address));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 30 }), fc.integer({ min: 1, max: 300 }), async (lines, piece) => {
        const alone = await Promise.all(lines.map((text) => read(text)));
        const expected = alone.map((chunk, at) => shown(chunk).map((text) => text.replace(/^1 /, `${at + 1} `)));
        expect(shown(await read(lines.join('\n'), { piece, most: 3 }))).toEqual(expected.flat());
      }),
      { numRuns: 300 },
    );
  });
});
