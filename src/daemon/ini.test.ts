import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RfwError } from '../domain/errors.ts';
import { parseIni } from './ini.ts';

/** The values by key of a text that has the section's line before it. */
const read = (...lines: string[]): Record<string, string | null> =>
  Object.fromEntries(
    [...parseIni(['[config]', ...lines].join('\n'), 'rfw.conf')].map(([key, { value }]) => [key, value]),
  );

const refusal = (message: string) => expect.objectContaining({ name: 'RfwError', code: 'config-invalid', message });

describe('parseIni', () => {
  it.each([
    ['key = value', 'value'],
    ['key=value', 'value'],
    ['key: value', 'value'],
    ['key:value', 'value'],
    ['key =value', 'value'],
    ['  key = value  ', 'value'],
    ['\tkey\t=\tvalue\t', 'value'],
    ['KEY = Value', 'Value'],
    ['key = a b', 'a b'],
    ['key = a = b', 'a = b'],
    ['key = a:b', 'a:b'],
    ['key : a=b', 'a=b'],
    ['key =', ''],
    ['key = ""', ''],
    ['key = "value"', '"value"'],
    ['key', null],
    ['key  ', null],
    ['key = value ; comment', 'value'],
    ['key = value\t;comment', 'value'],
    ['key = ; no comment', '; no comment'],
    ['key = value; not a comment', 'value; not a comment'],
    ['key = pass#word', 'pass#word'],
    ['key = pass #word', 'pass #word'],
    ['key = #', '#'],
    ['key = żółw', 'żółw'],
  ])('reads "%s"', (line, value) => {
    expect(read(line)).toEqual({ key: value });
  });

  it.each(['', '   ', '# key = value', '; key = value', '  # key', '  ; key', '#', '[config]'])(
    'skips "%s"',
    (line) => {
      expect(read(line)).toEqual({});
    },
  );

  it('takes the first of several semicolons for what decides, as ConfigParser did', () => {
    expect(read('key = a;b ;c')).toEqual({ key: 'a;b ;c' });
    expect(read('key = a ;b;c')).toEqual({ key: 'a' });
  });

  it('reads lines that end as on Windows, and a text that begins with a byte order mark', () => {
    const entries = parseIni('\ufeff[config]\r\nkey = value\r\nflag\r\n', 'rfw.conf');
    expect([...entries]).toEqual([
      ['key', { value: 'value', line: 2 }],
      ['flag', { value: null, line: 3 }],
    ]);
  });

  it('takes the last of two equal keys, in whatever case, and its line', () => {
    const entries = parseIni('[config]\nkey = 1\nother = 2\nKey = 3', 'rfw.conf');
    expect(entries.get('key')).toEqual({ value: '3', line: 4 });
    expect(entries.size).toBe(2);
  });

  it('gathers a section that is there twice', () => {
    expect(read('a = 1', '[config]', 'b = 2')).toEqual({ a: '1', b: '2' });
  });

  it('reads nothing from an empty text', () => {
    expect(parseIni('', 'rfw.conf').size).toBe(0);
    expect(parseIni('# nothing\n\n', 'rfw.conf').size).toBe(0);
  });

  it.each([
    ['[config]\n[other]', 'rfw.conf, line 2: unknown section [other]. Allowed: [config]'],
    ['[Config]', 'rfw.conf, line 1: unknown section [Config]. Allowed: [config]'],
    ['[]', 'rfw.conf, line 1: unknown section []. Allowed: [config]'],
    ['\nkey = value\n[config]', 'rfw.conf, line 2: settings must follow a line [config]'],
    ['[config]\n= value', 'rfw.conf, line 2: must be "key = value", or a key alone to turn a flag on'],
    ['[config]\n\n: value', 'rfw.conf, line 3: must be "key = value", or a key alone to turn a flag on'],
    ['[config]\nlocal server', 'rfw.conf, line 2: must be "key = value", or a key alone to turn a flag on'],
    ['[config]\nlocal server = 1', 'rfw.conf, line 2: must be "key = value", or a key alone to turn a flag on'],
    ['[config]\nflag ; comment', 'rfw.conf, line 2: must be "key = value", or a key alone to turn a flag on'],
  ])('refuses %j', (text, message) => {
    expect(() => parseIni(text, 'rfw.conf')).toThrow(refusal(message));
  });

  it('answers garbage with a refusal and nothing else', () => {
    const lines = fc.array(fc.oneof(fc.string(), fc.constantFrom('[config]', '=', 'a = b', 'c', ';', '[')));
    fc.assert(
      fc.property(lines, (text) => {
        try {
          parseIni(text.join('\n'), 'rfw.conf');
        } catch (error) {
          expect(error).toBeInstanceOf(RfwError);
        }
      }),
    );
  });

  it('reads back every password that could be written in 2014', () => {
    // ConfigParser strips white space, takes "" for nothing, and ends the value at a semicolon after white space.
    const password = fc
      .string({ minLength: 1, unit: fc.constantFrom(...' aZ9#;:=%$"\'\\[]@') })
      .filter((text) => text === text.trim() && text !== '""' && !/^;|\s;/.test(text));
    fc.assert(
      fc.property(password, (text) => {
        expect(read(`auth.password = ${text}`)).toEqual({ 'auth.password': text });
      }),
    );
  });
});
