import { describe, expect, it } from 'vitest';
import { parseInterface } from './interface.ts';
import { listProperties, parseListName } from './list.ts';

const given = {
  action: 'drop',
  chain: 'input',
  in: parseInterface('any'),
  out: parseInterface('any'),
  comment: '',
  expiresAt: null,
} as const;
const refused = (code: string) => expect.objectContaining({ name: 'RfwError', code });

describe('the name of a list', () => {
  it.each(['a', '0', 'spamhaus-drop', 'fh.level_1', 'a'.repeat(64)])('may be %s', (name) => {
    expect(parseListName(name)).toBe(name);
  });

  it.each(['', '-a', '.a', '_', 'A', 'a b', 'a/b', 'a\n', 'ä', 'a'.repeat(65)])('may not be %j', (name) => {
    expect(() => parseListName(name)).toThrow(refused('list-invalid'));
  });
});

describe('the properties of a list', () => {
  it.each([
    ['input', undefined, 'source'],
    ['input', 'source', 'source'],
    ['output', undefined, 'destination'],
    ['output', 'destination', 'destination'],
    ['forward', undefined, 'source'],
    ['forward', 'source', 'source'],
    ['forward', 'destination', 'destination'],
  ] as const)('in %s with side %s look at the %s', (chain, side, expected) => {
    expect(listProperties({ ...given, chain, ...(side && { side }) })).toEqual({ ...given, chain, side: expected });
  });

  it.each([
    ['input', 'destination'],
    ['output', 'source'],
  ] as const)('in %s can not look at the %s', (chain, side) => {
    expect(() => listProperties({ ...given, chain, side })).toThrow(refused('list-invalid'));
  });

  it('have the interfaces that a packet of the chain has', () => {
    const name = parseInterface('eth0');
    expect(() => listProperties({ ...given, out: name })).toThrow(refused('interface-invalid'));
    expect(() => listProperties({ ...given, chain: 'output', in: name })).toThrow(refused('interface-invalid'));
    expect(listProperties({ ...given, in: name }).in).toBe('eth0');
    expect(listProperties({ ...given, chain: 'output', out: name }).out).toBe('eth0');
    expect(listProperties({ ...given, chain: 'forward', in: name, out: name })).toMatchObject({ in: name, out: name });
  });
});
