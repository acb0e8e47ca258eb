import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSettings } from './settings.ts';
import { type TargetOptions, targetsOf } from './targets.ts';

const folder = mkdtempSync(join(tmpdir(), 'rfwc-targets-'));
const file = join(folder, 'config.json');
const hosts = join(folder, 'hosts');

beforeAll(() => {
  writeSettings(file, {
    current: 'prod',
    contexts: {
      prod: { hosts: ['https://prod:7393'], token: 'rfw_prod', cacert: '/prod.crt' },
      test: { hosts: ['https://test:7393'], user: 'bob', password: 'of bob' },
    },
    groups: { edge: ['https://a:7393', 'https://b:7393'] },
  });
  writeFileSync(hosts, '# all\nhttps://c:7393  d:7393 # two\n\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

function found(options: TargetOptions, env: Record<string, string> = {}) {
  return targetsOf(options, { RFW_CONFIG: file, ...env }).map(({ name, credentials }) => [name, credentials]);
}
const names = (options: TargetOptions, env: Record<string, string> = {}) => found(options, env).map(([name]) => name);

describe('whom to ask', () => {
  it('is said by the command line, else the environment, else the context', () => {
    expect(names({ host: ['x', 'y'] }, { RFW_HOST: 'z' })).toEqual(['https://x:7393', 'https://y:7393']);
    expect(names({}, { RFW_HOST: 'y, z' })).toEqual(['https://y:7393', 'https://z:7393']);
    expect(names({}, { RFW_SOCKET: '/tmp/x.sock' })).toEqual(['/tmp/x.sock']);
    expect(names({})).toEqual(['https://prod:7393']);
    expect(names({ context: 'test' }, { RFW_HOST: 'z' })).toEqual(['https://test:7393']);
    expect(names({}, { RFW_CONTEXT: 'test' })).toEqual(['https://test:7393']);
  });

  it('may be a group, a file and a socket, each host once', () => {
    expect(names({ group: ['edge'], hosts, host: ['a', 'd'], socket: '/x.sock' })).toEqual([
      '/x.sock',
      'https://a:7393',
      'https://d:7393',
      'https://c:7393',
      'https://b:7393',
    ]);
    expect(() => names({ hosts: '/nonexistent' })).toThrow('Could not read the hosts');
    expect(() => names({ group: ['other'] })).toThrow('There is no group other: there are edge');
  });

  it('is the local server of this machine where nothing is said and there is no socket', () => {
    expect(names({}, { RFW_CONFIG: '/nonexistent' })[0]).toMatch(
      /^(?:http:\/\/127\.0\.0\.1:7390|\/run\/rfw\/rfw\.sock)$/,
    );
  });
});

describe('as whom', () => {
  it('is said by the command line, else the environment, else the context', () => {
    expect(found({})).toEqual([['https://prod:7393', { token: 'rfw_prod', cacert: '/prod.crt' }]]);
    expect(found({ token: 'rfw_x' }, { RFW_TOKEN: 'rfw_y' })[0]?.[1]).toEqual({ token: 'rfw_x', cacert: '/prod.crt' });
    expect(found({ context: 'test' })[0]?.[1]).toEqual({ user: 'bob', password: 'of bob' });
    expect(found({ cert: '/c', key: '/k', cacert: '/x' })[0]?.[1]).toMatchObject({
      cert: '/c',
      key: '/k',
      cacert: '/x',
    });
  });

  it('never mixes the user of one with the secret of another', () => {
    expect(found({ user: 'alice:of alice' })[0]?.[1]).toEqual({
      user: 'alice',
      password: 'of alice',
      cacert: '/prod.crt',
    });
    expect(found({ user: 'alice', context: 'test' })[0]?.[1]).toEqual({ user: 'alice' });
    expect(found({ user: 'bob', context: 'test' })[0]?.[1]).toEqual({ user: 'bob', password: 'of bob' });
    expect(found({}, { RFW_USER: 'eve', RFW_PASSWORD: 'of eve' })[0]?.[1]).toMatchObject({
      user: 'eve',
      password: 'of eve',
    });
  });

  it('is nobody over the socket, and never said over a connection that others can read', () => {
    expect(found({ socket: '/x.sock', user: 'alice:x' })).toEqual([['/x.sock', {}]]);
    expect(found({ socket: '/x.sock', token: 'rfw_x' })).toEqual([['/x.sock', { token: 'rfw_x' }]]);
    expect(() => found({ host: ['http://192.0.2.1'] })).toThrow('is not encrypted');
    expect(found({ host: ['http://127.0.0.1'] })[0]?.[1]).toMatchObject({ token: 'rfw_prod' });
  });
});
