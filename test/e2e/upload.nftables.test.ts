import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from './process.fixture.ts';
import { Service } from './service.fixture.ts';
import { hostOfLine, type Summary, Upload } from './upload.fixture.ts';

/** Lines that the daemon works on at once, and for which it answers together. */
const chunk = 4000;
const million = 1_000_000;

let service: Service;

beforeAll(async () => {
  service = await Service.start('upload');
});

afterAll(async () => {
  await service.close();
});

afterEach(async () => {
  const { api } = service;
  await api.must('DELETE', '/v1/rules?all=true');
  expect(await service.sources()).toEqual(new Set());
});

interface AuditPage {
  readonly items: readonly { readonly target: string; readonly result: string; readonly after: { created?: number } | null }[];
}

/** How many rules the batches have created that the audit log tells of since an instant. */
async function audited(since: string): Promise<number> {
  const { items } = await service.api.must<AuditPage>(
    'GET',
    `/v1/audit?operation=rules.batch&limit=1000&since=${since}`,
  );
  return items.reduce((sum, { after }) => sum + (after?.created ?? 0), 0);
}

/** Waits until a batch that was cut has come to its end: until nothing more is written. */
async function settled(): Promise<number> {
  return until('nothing is written any more', async () => {
    const last = await lastChange();
    await sleep(300);
    return (await lastChange()) === last ? last : undefined;
  });
}

async function lastChange(): Promise<number> {
  const { last } = await service.api.must<{ last: number }>('GET', '/v1/changes?since=0&limit=1');
  return last;
}

/** That the first lines stand, and no others. */
async function expectFirst(lines: number): Promise<void> {
  const sources = await service.sources();
  expect(sources.size).toBe(lines);
  for (let line = 1; line <= lines; line++) if (!sources.has(hostOfLine(line))) throw new Error(`No line ${line}`);
}

describe('a million lines that break off', () => {
  it('leave what was done, whole chunks, in kernel, store and audit log', async () => {
    const began = new Date().toISOString();
    const upload = new Upload(service.api, million, '?progress=true');
    await until('some of it is done', () => upload.done > 10 * chunk);
    const told = upload.done;
    upload.cut();
    await settled();
    const created = await audited(began);
    expect(created).toBeGreaterThanOrEqual(told);
    expect(created).toBeLessThanOrEqual(upload.sent);
    expect(created % chunk).toBe(0);
    await expectFirst(created);
  });
});
