import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { everyState } from '../../backends/backend.ts';
import { type Answer, type OpenServer, openServer } from '../server.fixture.ts';

let server: OpenServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  Object.assign(server.settings, { nonRestful: false, defaultExpire: 0 });
  for (const { spec } of await everyState(server.engine.reader.list())) {
    await server.engine.submit({ kind: 'delete', spec, origin: 'test' });
  }
});

const put = (path: string): Promise<Answer> => server.send('PUT', path);
const del = (path: string): Promise<Answer> => server.send('DELETE', path);
const get = (path: string): Promise<Answer> => server.send('GET', path);
const json = (answer: Answer): unknown => JSON.parse(answer.text);

/** Status code and body of an error as one text. */
const error = ({ status, headers, text }: Answer): string => {
  expect(headers['content-type']).toBe('text/plain; charset=utf-8');
  expect(text.endsWith('\r\n')).toBe(true);
  return `${status} ${text.trimEnd()}`;
};

describe('the 2014 API', () => {
  it.each([
    ['/drop/input/eth0/11.22.33.44', 'drop input eth0 any 11.22.33.44/32 any'],
    ['/accept/output/any/192.168.0.0/24', 'accept output any any any 192.168.0.0/24'],
    ['/accept/forward/ppp/1.2.3.0/24/eth0/5.5.5.5', 'accept forward ppp+ eth0 1.2.3.0/24 5.5.5.5/32'],
    ['/drop/input/any/11.22.33.44/?expire=600', 'drop input any any 11.22.33.44/32 any'],
    ['/reject/input/any/2001:db8::/64', 'reject input any any 2001:db8::/64 any'],
  ])('PUT %s puts the rule, and DELETE takes it out', async (path, dump) => {
    expect(json(await put(path))).toMatchObject({ status: 'created' });
    expect(server.backend.dump()).toBe(dump);
    expect(json(await del(path))).toMatchObject({ status: 'deleted' });
    expect(server.backend.dump()).toBe('');
  });

  it('says what happened: created, exists, updated, deleted, absent', async () => {
    const created = await put('/drop/input/any/11.22.33.44');
    expect(created.status).toBe(200);
    expect(created.headers['content-type']).toBe('application/json; charset=utf-8');
    const createdAt = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const spec = { action: 'drop', chain: 'input', in: 'any', out: 'any', source: '11.22.33.44', destination: 'any' };
    const rule = { ...spec, expiresAt: null, createdAt, origin: 'local' };
    expect(json(created)).toEqual({ status: 'created', rule });
    expect(json(await put('/drop/input/any/11.22.33.44'))).toEqual({ status: 'exists', rule });
    expect(json(await put('/DROP/INPUT/ANY/11.22.33.44/32/?expire=1h'))).toEqual({
      status: 'updated',
      rule: { ...rule, expiresAt: createdAt },
    });
    expect(json(await del('/drop/input/any/11.22.33.44'))).toMatchObject({ status: 'deleted', rule: spec });
    expect(json(await del('/drop/input/any/11.22.33.44'))).toEqual({ status: 'absent', rule: spec });
  });

  it('never adds a repeated rule a second time, and never moves it', async () => {
    for (const path of ['/drop/input/any/1.1.1.1', '/drop/input/any/2.2.2.2', '/drop/input/any/1.1.1.1/32']) {
      await put(path);
    }
    expect(server.backend.dump()).toBe('drop input any any 2.2.2.2/32 any\ndrop input any any 1.1.1.1/32 any');
  });

  it.each([
    ['/drop/input/any/1.1.1.1', 60, 60_000],
    ['/drop/input/any/1.1.1.1?expire=', 60, 60_000],
    ['/drop/input/any/1.1.1.1?expire=10m&wait=true', 60, 600_000],
    ['/drop/input/any/1.1.1.1?expire=0', 60, null],
    ['/drop/input/any/1.1.1.1', 0, null],
    ['/drop/input/any/1.1.1.1?expire=999999999d', 0, 'latest'],
  ])('%s with default.expire %s lasts %s ms', async (path, defaultExpire, milliseconds) => {
    Object.assign(server.settings, { defaultExpire });
    const before = Date.now();
    const { rule } = json(await put(path)) as { rule: { expiresAt: string | null } };
    if (milliseconds === null) return expect(rule.expiresAt).toBeNull();
    if (milliseconds === 'latest') return expect(rule.expiresAt).toBe('9999-12-31T23:59:59.000Z');
    const lasts = Date.parse(rule.expiresAt ?? '') - before;
    expect(lasts).toBeGreaterThanOrEqual(Number(milliseconds));
    expect(lasts).toBeLessThan(Number(milliseconds) + 5000);
  });

  it('GET /list shows all rules, GET /list/chain those of one chain, the newest first', async () => {
    for (const path of ['/drop/output/any/3.3.3.3', '/drop/input/any/1.1.1.1', '/accept/input/eth0/22.22.22.0/24']) {
      await put(path);
    }
    const list = async (path: string): Promise<string[]> =>
      (json(await get(path)) as Record<string, string>[]).map((rule) => `${rule['chain']} ${rule['num']}`);
    expect(await list('/list')).toEqual(['INPUT 1', 'INPUT 2', 'OUTPUT 1']);
    expect(await list('/LIST/Input/')).toEqual(['INPUT 1', 'INPUT 2']);
    expect(await list('/list/output')).toEqual(['OUTPUT 1']);
    expect(await list('/list/forward')).toEqual([]);
    expect(json(await get('/list/input'))).toContainEqual({
      chain: 'INPUT',
      num: '1',
      pkts: '0',
      bytes: '0',
      target: 'ACCEPT',
      prot: 'all',
      opt: '--',
      inp: 'eth0',
      out: '*',
      source: '22.22.22.0/24',
      destination: '0.0.0.0/0',
      extra: '',
    });
  });

  it('GET / answers help', async () => {
    for (const path of ['/', '/?x=1']) {
      const { status, headers, text } = await get(path);
      expect([status, headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
      expect(text).toContain('PUT    /ACTION/CHAIN/INTERFACE/ADDRESS[/MASK]');
      expect(text).toContain(`http://127.0.0.1:${server.port}`);
    }
  });

  it('HEAD answers as GET does, without the body', async () => {
    for (const path of ['/', '/list', '/list/input']) {
      const [head, full] = [await server.send('HEAD', path), await get(path)];
      expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', String(full.text.length)]);
    }
  });

  it.each([
    ['PUT', '/drop/input/any/1.2.3.4/8', '400 ERROR: Incorrect path: "/drop/input/any/1.2.3.4/8". Incorrect netmask'],
    ['PUT', '/drop/input/any/01.2.3.4', '400 ERROR: Incorrect path: "/drop/input/any/01.2.3.4". Incorrect IP address'],
    ['PUT', '/drop/input/-x/1.2.3.4', '400 ERROR: Incorrect path: "/drop/input/-x/1.2.3.4". Incorrect interface'],
    ['PUT', '/drop/input//1.2.3.4', '400 ERROR: Incorrect path: "/drop/input//1.2.3.4". A part of the path is empty'],
    ['GET', '/favicon.ico', '400 ERROR: Incorrect path: "/favicon.ico". Unrecognized action'],
    ['GET', '/list/nat', '400 ERROR: Incorrect path: "/list/nat". Wrong chain name'],
    ['GET', '/list/input/x', '400 ERROR: Incorrect path: "/list/input/x". Too many details'],
    ['PUT', '/drop/input/any/%zz', '400 ERROR: Incorrect path: '],
    ['PUT', '/drop/input/any/%FF', '400 ERROR: Incorrect path: '],
    ['PUT', '/drop/input/any/1.2.3.4?expire=-1', '400 ERROR: Incorrect duration "-1"'],
    ['PUT', '/drop/input/any/1.2.3.4?expire=1234567890', '400 ERROR: Incorrect duration "1234567890"'],
    ['PUT', '/drop/input/any/1.2.3.4?wait=no', '400 ERROR: Incorrect wait parameter value "no": only true is allowed'],
    ['DELETE', '/drop/input/any/1.2.3.4?modify=x', '400 ERROR: Incorrect modify parameter value "x": insert or delete'],
  ])('%s %s is refused: %s', async (method, path, message) => {
    expect(error(await server.send(method, path))).toContain(message);
    expect(server.backend.dump()).toBe('');
  });

  it.each([
    'PUT /drop/input/any/127.0.0.1',
    'PUT /drop/input/any/127.0.0.0/9',
    'PUT /drop/output/any/192.0.2.77',
    'PUT /accept/input/any/192.0.0.0/9',
    'PUT /drop/forward/any/1.2.3.4/any/192.0.2.0/25',
    'PUT /drop/forward/any/0.0.0.0/any/192.0.2.1',
    'PUT /drop/input/any/::ffff:127.0.0.1',
    'DELETE /drop/input/any/127.0.0.1',
  ])('%s conflicts with the whitelist', async (request) => {
    const [method = '', path = ''] = request.split(' ');
    expect(error(await server.send(method, path))).toBe(
      '400 ERROR: Ignoring the request conflicting with the whitelist',
    );
    expect(server.backend.dump()).toBe('');
  });
});
