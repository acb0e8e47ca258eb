import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from './process.fixture.ts';
import { Service } from './service.fixture.ts';
import { hostLines, hostOfLine } from './upload.fixture.ts';

let service: Service;

beforeAll(async () => {
  service = await Service.start('confirm');
});

afterAll(async () => {
  await service.close();
});

const lines = 2000;
const before = ['198.18.0.1/32', hostOfLine(1)];
const after = Array.from({ length: lines }, (_, index) => hostOfLine(index + 1));

/** Rules that stand, and a batch that adds to them and takes one out, until it is undone. @returns when that is, at the latest */
async function change(seconds: number): Promise<number> {
  const { api } = service;
  for (const source of before)
    await api.must('POST', '/v1/rules', { body: { action: 'drop', chain: 'input', source } });
  const out = '{"op":"delete","action":"drop","chain":"input","source":"198.18.0.1"}\n';
  const body = hostLines(lines) + out;
  const type = 'application/x-ndjson';
  const answer = await api.ask('POST', `/v1/rules/batch?confirm=${seconds}s`, { body, type });
  expect(answer.status).toBe(200);
  expect(answer.headers['rfw-confirmation']).toMatch(/^[\w-]{16}$/);
  return Date.now() + 1000 * seconds;
}

it('undoes on time what nobody has confirmed, after a kill -9 in between', async () => {
  const { daemon } = service;
  const deadline = await change(4);
  await daemon.kill();
  await daemon.start();
  if (Date.now() < deadline - 1500) expect(await service.sources()).toEqual(new Set(after));
  await until('it is undone', async () => (await service.table.sources()).length === before.length, 10);
  expect(Date.now() - deadline).toBeLessThan(1500);
  expect(await service.sources()).toEqual(new Set(before));
});

it('undoes it before the first answer, when the time was up before the start', async () => {
  const { daemon } = service;
  const deadline = await change(1);
  await daemon.kill();
  await sleep(deadline - Date.now());
  await daemon.start();
  expect(await service.sources()).toEqual(new Set(before));
});
