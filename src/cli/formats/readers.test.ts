import { describe, expect, it } from 'vitest';
import type { Item, Line } from './item.ts';
import { parsePath } from './json.ts';
import { type FormatOptions, readerOf } from './readers.ts';

async function* lines(text: string): AsyncGenerator<Line> {
  for (const [at, line] of text.split('\n').entries()) yield { number: at + 1, text: line };
}

/** What a text names: addresses, with their seconds, and the lines that can't be read. */
async function read(text: string, options: FormatOptions = {}, name = 'list'): Promise<string[]> {
  const found: string[] = [];
  for await (const item of readerOf(options, name, text)(lines(text))) found.push(shown(item));
  return found;
}

function shown(item: Item): string {
  if ('reason' in item) return `line ${item.line}: ${item.reason}`;
  return item.seconds === undefined ? item.address : `${item.address} ${item.seconds}s`;
}

describe('plain', () => {
  it('is an address, a network or a range a line, with comments', async () => {
    expect(
      await read('# feed\n203.0.113.7\n 198.51.100.0/24 ; SBL1\n\n192.0.2.1-192.0.2.9 # x\r\n2001:db8::/32\nnonsense'),
    ).toEqual([
      '203.0.113.7',
      '198.51.100.0/24',
      '192.0.2.1-192.0.2.9',
      '2001:db8::/32',
      'line 7: "nonsense" is not an address',
    ]);
  });
});

describe('ipset', () => {
  it('is what ipset save writes, with the time that is left', async () => {
    const text =
      'create bad hash:net family inet timeout 0\nadd bad 203.0.113.7 timeout 60\nadd bad 198.51.100.0/24 timeout 0 packets 3\nadd bad 80';
    expect(await read(text)).toEqual([
      '203.0.113.7 60s',
      '198.51.100.0/24',
      'line 4: "add bad 80" is not a line "add SET ADDRESS" with an address',
    ]);
  });
});

describe('nft', () => {
  it('is the elements of sets as nft lists them', async () => {
    const text = `table inet t {
  set bad {
    type ipv4_addr
    flags interval,timeout
    elements = { 203.0.113.7 timeout 1h expires 59m58s500ms, 198.51.100.0/24,
                 192.0.2.1-192.0.2.9 counter packets 0 bytes 0 }
  }
  chain c { ip saddr @bad drop; }
}
add element inet t bad { 203.0.113.8 timeout 10m, 80 }`;
    expect(await read(text)).toEqual([
      '203.0.113.7 3599s',
      '198.51.100.0/24',
      '192.0.2.1-192.0.2.9',
      '203.0.113.8 600s',
      'line 10: "80" is not an element with an address',
    ]);
  });
});

describe('csv', () => {
  it('is a column by its name or number, with quotes', async () => {
    const text = 'when,src_ip,why\n1,203.0.113.7,"a, ""b"""\n2,"198.51.100.1","two\nlines"\n3,nonsense,x';
    const expected = ['203.0.113.7', '198.51.100.1', 'line 5: "nonsense" is not an address'];
    expect(await read(text, {}, 'feed.csv')).toEqual(expected);
    expect(await read(text, { format: 'csv', column: 'SRC_IP' })).toEqual(expected);
    expect(await read(text, { format: 'csv', column: '2' })).toEqual(expected);
    expect(await read('203.0.113.7;x\n203.0.113.8;y', { format: 'csv' })).toEqual(['203.0.113.7', '203.0.113.8']);
  });

  it('asks for a column that it does not see, and says which there are', async () => {
    await expect(read('a,b\n1,2', { format: 'csv' })).rejects.toThrow('Which column has the addresses?');
    await expect(read('a,b\n1,2', { format: 'csv', column: 'c' })).rejects.toThrow(
      'There is no column c: there are a, b',
    );
  });
});

describe('json and ndjson', () => {
  it('are arrays of texts, or of objects with a usual name', async () => {
    expect(await read('["203.0.113.7", {"ip":"203.0.113.8"}, {"cidr":"198.51.100.0/24"}, 7]')).toEqual([
      '203.0.113.7',
      '203.0.113.8',
      '198.51.100.0/24',
      'line 4: "7" is not an address',
    ]);
    expect(await read('{"ip":"203.0.113.7"}\n{"ip":"203.0.113.8"}\n{"x":1}\n{')).toEqual([
      '203.0.113.7',
      '203.0.113.8',
      'line 3: "{\\"x\\":1}" is not a value with an address',
      'line 4: "{" is not JSON',
    ]);
  });

  it('have a path to what is meant', async () => {
    const text = '{"data":[{"attributes":{"ip":"203.0.113.7"}},{"attributes":{"ip":"203.0.113.8"}},{"other":1}]}';
    expect(await read(text, { format: 'json', path: 'data[].attributes.ip' })).toEqual(['203.0.113.7', '203.0.113.8']);
    expect(await read(text, { format: 'ndjson', path: 'data[].attributes.ip' })).toHaveLength(2);
    await expect(read('{', { format: 'json' })).rejects.toThrow('It is not JSON');
  });

  it.each(['', '.', 'a.', 'a..b', 'a[0]', '[]]'])('refuse the path "%s"', (path) => {
    expect(() => parsePath(path)).toThrow('is not a path');
  });
});

describe('an option of another format', () => {
  it('is refused', () => {
    expect(() => readerOf({ column: 'ip' }, 'x', '203.0.113.7')).toThrow('--column is for csv, and this is plain');
    expect(() => readerOf({ path: 'ip' }, 'x', '203.0.113.7')).toThrow(
      '--path is for json and ndjson, and this is plain',
    );
  });
});
