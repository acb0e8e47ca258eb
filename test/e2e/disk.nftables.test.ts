import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Api } from './api.fixture.ts';
import { Daemon } from './daemon.fixture.ts';
import { fill, smallDisk } from './disk.fixture.ts';
import { Network } from './network.fixture.ts';
import { ping } from './probe.fixture.ts';
import { must, run, until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';
import { storedRules } from './store.fixture.ts';
import { Table } from './table.fixture.ts';
import { hostLines, hostOfLine } from './upload.fixture.ts';

const network = new Network();
const program = new Program();
let namespace = '';
let table: Table;
let disk = '';
let daemon: Daemon;
let api: Api;

beforeAll(async () => {
  namespace = await network.namespace('disk');
  table = new Table(namespace);
  disk = await smallDisk(program);
  const socketPath = program.fresh('socket');
  const config = ['firewall.backend = nftables', `socket.path = ${socketPath}`];
  daemon = new Daemon({ program, namespace, config, stateDir: join(disk, 'state') });
  api = new Api(socketPath);
  await daemon.start();
});

afterAll(async () => {
  await daemon.kill();
  await run('umount', ['-l', disk]);
  await network.close();
  program.remove();
});

it('answers 503 on a full disk, holds in the kernel what it has answered for and no more, and recovers', async () => {
  await daemon.put('/drop/input/any/198.18.0.1');
  fill(join(disk, 'ballast'));
  const answered = ['198.18.0.1/32'];
  // Some still fit into pages that SQLite has already.
  await until('a request is refused', async () => {
    const address = `198.19.0.${answered.length}`;
    const { code } = await daemon.request('PUT', `/drop/input/any/${address}`);
    if (code !== 200) return true;
    answered.push(`${address}/32`);
    return false;
  });
  const refused = await daemon.request('PUT', '/drop/input/any/198.18.0.2');
  expect(refused.code).toBe(503);
  expect(refused.body).toMatch(/^ERROR: .*(disk|space|full)/i);
  expect((await daemon.request('PUT', '/drop/input/any/2001:db8::2')).code).toBe(503);
  expect((await daemon.request('DELETE', '/drop/input/any/198.18.0.1')).code).toBe(503);
  expect((await table.sources()).toSorted()).toEqual(answered.toSorted());
  rmSync(join(disk, 'ballast'));
  expect((await daemon.put('/drop/input/any/198.18.0.2')).status).toBe('created');
  expect((await daemon.delete('/drop/input/any/198.18.0.1')).status).toBe('deleted');
  const standing = [...answered.slice(1), '198.18.0.2/32'].toSorted();
  expect((await table.sources()).toSorted()).toEqual(standing);
  await daemon.kill();
  await daemon.start();
  expect((await table.sources()).toSorted()).toEqual(standing);
});

it('is told that it can not start on a full disk, while what it has left is enforced on', async () => {
  await must('ip', '-n', namespace, 'address', 'add', '198.18.0.9/32', 'dev', 'lo');
  await daemon.put('/drop/input/lo/198.18.0.9');
  await daemon.stop();
  fill(join(disk, 'ballast'));
  const { code, stderr } = await daemon.fail();
  expect(code).toBe(1);
  expect(stderr).toMatch(/^rfw: .*(disk|space|full)/i);
  expect(await ping(namespace, '198.18.0.9')).toBe('silence');
  rmSync(join(disk, 'ballast'));
  await daemon.start();
  expect((await daemon.delete('/drop/input/lo/198.18.0.9')).status).toBe('deleted');
  expect(await ping(namespace, '198.18.0.9')).toBe('pass');
});

it('says how far it came when the disk gets full in a batch, and does the rest when there is space', async () => {
  const lines = 30_000;
  const batch = (query: string) =>
    api.ask('POST', `/v1/rules/batch${query}`, { body: hostLines(lines), type: 'application/x-ndjson' });
  const before = await table.sources();
  const whole = await batch('?mode=atomic');
  expect(whole.status).toBe(503);
  expect(await table.sources()).toEqual(before);
  const chunks = await batch('');
  expect(chunks.status).toBe(503);
  const { code, detail } = JSON.parse(chunks.body) as { code: string; detail: string };
  expect(code).toBe('store-failed');
  const done = Number(/Lines 1 to (\d+) are done, and none after that/.exec(detail)?.[1] ?? 0);
  const held = (await table.sources()).toSorted();
  expect(held).toEqual(
    storedRules(daemon.stateDir, 4)
      .map(({ source }) => source)
      .toSorted(),
  );
  expect(held.length - before.length).toBe(done);
  if (done > 0) expect(held).toContain(hostOfLine(done));
  await must('mount', '-o', 'remount,size=64m', disk);
  const rest = await batch('');
  expect(JSON.parse(rest.body)).toMatchObject({ received: lines, created: lines - done, exists: done, refused: 0 });
  expect((await table.sources()).length).toBe(before.length + lines);
  expect(storedRules(daemon.stateDir, 4).length).toBe(before.length + lines);
});
