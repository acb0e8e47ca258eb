import { describe, expect, it } from 'vitest';
import { RfwError } from '../../domain/errors.ts';
import { parsePath } from './path.ts';
import { parseQuery } from './query.ts';
import { type ServerFacts, usage } from './usage.ts';

const facts: ServerFacts = {
  version: '1.2.3',
  scheme: 'http',
  host: '127.0.0.1',
  port: 7390,
  authentication: false,
  nonRestful: false,
  defaultExpire: 86_400,
  backend: 'iptables v1.8.9 (nf_tables)',
  rules: 17,
  drifts: 2,
};

describe('usage', () => {
  it.each([
    ['rfw 1.2.3 - remote firewall', {}],
    ['Server           http://127.0.0.1:7390', {}],
    ['Server           https://192.0.2.1:7393', { scheme: 'https', host: '192.0.2.1', port: 7393 }],
    ['Server           https://[2001:db8::1]:7393', { scheme: 'https', host: '2001:db8::1', port: 7393 }],
    ['Authentication   none', {}],
    ['Authentication   Basic, as set by auth.username and auth.password', { authentication: true }],
    ['Backend          iptables v1.8.9 (nf_tables)', {}],
    ['Rules            17', {}],
    ['Drift repaired   2', {}],
    ['Default expiry   86400 seconds', {}],
    ['Default expiry   permanent', { defaultExpire: 0 }],
    ['GET for changes  off (non.restful)', {}],
    ['GET for changes  on: add modify=insert or modify=delete', { nonRestful: true }],
  ] as const)('has the line "%s"', (line, more) => {
    expect(usage({ ...facts, ...more }).split('\n')).toContain(line);
  });

  it('says what rules have met', () => {
    const totals = [
      { chain: 'input', action: 'drop', packets: 12n, bytes: 840n },
      { chain: 'output', action: 'accept', packets: 0n, bytes: 0n },
      { chain: 'forward', action: 'reject', packets: 1n, bytes: 60n },
    ] as const;
    const lines = usage(facts, totals).split('\n');
    expect(lines).toContain('Met so far       input drop 12 packets (840 bytes), forward reject 1 packets (60 bytes)');
    expect(usage(facts).split('\n')).toContain('Met so far       nothing');
  });

  it('names every action, chain and parameter', () => {
    const text = usage(facts);
    for (const word of ['drop', 'accept', 'reject', 'input', 'output', 'forward', '/list', 'expire=', 'wait=true']) {
      expect(text).toContain(word);
    }
  });

  it('gives examples that the API takes, against the address that the client reached', () => {
    const lines = usage({ ...facts, host: '::1' })
      .split('\n')
      .filter((line) => line.startsWith('  curl '));
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      const [, path = '', query = ''] = /http:\/\/\[::1\]:7390([^?\s']*)\??([^\s']*)/.exec(line) ?? [];
      expect(() => [parsePath(path), parseQuery(query)]).not.toThrow(RfwError);
      expect(path).not.toBe('');
    }
  });
});
