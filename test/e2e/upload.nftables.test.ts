import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { answerTo } from './api.fixture.ts';
import { until } from './process.fixture.ts';
import { Service } from './service.fixture.ts';
import { hostOfLine, type Summary, Upload } from './upload.fixture.ts';

/** Of whole chunks this divides the lines. */
const chunk = 100;
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
  readonly items: readonly {
    readonly target: string;
    readonly result: string;
    readonly after: { created?: number } | null;
  }[];
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
    await until('some of it is done', () => upload.done > 0);
    const told = upload.done;
    upload.cut();
    await settled();
    const created = await audited(began);
    expect(created).toBeGreaterThanOrEqual(told);
    expect(created).toBeLessThanOrEqual(upload.sent);
    expect(created % chunk).toBe(0);
    await expectFirst(created);
    expect(await lastChange()).toBe(created);
  });

  it('leave nothing when they are to be done as a whole', async () => {
    const before = await lastChange();
    const upload = new Upload(service.api, million, '?mode=atomic');
    await until('a part is sent', () => upload.sent >= 10_000);
    upload.cut();
    await settled();
    await expectFirst(0);
    expect(await lastChange()).toBe(before);
  });
});

describe('a daemon that is killed in a batch', () => {
  it('has kept the chunks that it acknowledged, whole ones, in kernel, store and audit log', async () => {
    for (let round = 1; round <= 2; round++) {
      const began = new Date().toISOString();
      const before = await lastChange();
      const upload = new Upload(service.api, million, '?progress=true');
      await until('some of it is done', () => upload.done > 0);
      await sleep(Math.random() * 50);
      await service.daemon.kill();
      const told = upload.done;
      await expect(upload.answer).rejects.toThrow();
      await service.daemon.start();
      const created = (await lastChange()) - before;
      expect(created).toBeGreaterThanOrEqual(told);
      expect(created % chunk).toBe(0);
      expect(await audited(began)).toBe(created);
      await expectFirst(created);
      await service.api.must('DELETE', '/v1/rules?all=true');
    }
  });

  it('has done all of an atomic one or nothing', async () => {
    const lines = 12_000;
    for (let round = 1; round <= 2; round++) {
      const upload = new Upload(service.api, lines, '?mode=atomic');
      await until('all is sent', () => upload.sent === lines);
      await sleep(Math.random() * 100);
      await service.daemon.kill();
      const answered = await upload.answer.then(
        ({ status }) => status,
        () => undefined,
      );
      await service.daemon.start();
      const { size } = await service.sources();
      expect([answered === 200 ? lines : 0, lines]).toContain(size);
      await service.api.must('DELETE', '/v1/rules?all=true');
    }
  });
});

describe('clients that are gone before the answer', () => {
  it('have had their rule put or not, in kernel and store alike, and all others are answered', async () => {
    const asked = Array.from({ length: 300 }, (_, index) => `198.18.0.${index % 250}`);
    const outcomes = await Promise.all(
      asked.map(async (source, index) => {
        const outgoing = service.api.open('POST', '/v1/rules', { type: 'application/json' });
        const answer = answerTo(outgoing).then(
          ({ status }) => status,
          () => undefined,
        );
        outgoing.end(JSON.stringify({ action: 'drop', chain: 'input', source }));
        // Every third one stays.
        if (index % 3 > 0) setTimeout(() => outgoing.destroy(), Math.random() * 60);
        return { source, stays: index % 3 === 0, status: await answer };
      }),
    );
    await settled();
    const sources = await service.sources();
    for (const { source, stays, status } of outcomes) {
      if (stays) expect([200, 201]).toContain(status);
      if (status !== undefined) expect(sources).toContain(`${source}/32`);
    }
    expect([...sources].filter((source) => !asked.includes(source.replace('/32', '')))).toEqual([]);
  });
});

it("goes on with a batch while another program's nft flush ruleset comes again and again", async () => {
  const lines = 20_000;
  const upload = new Upload(service.api, lines);
  let flushes = 0;
  while (upload.sent < lines) {
    await service.table.nft('flush ruleset');
    flushes++;
  }
  const { status, body } = await upload.answer;
  expect(status).toBe(200);
  expect(JSON.parse(body) as Summary).toMatchObject({ received: lines, created: lines, refused: 0 });
  expect(flushes).toBeGreaterThan(5);
  await expectFirst(lines);
});
