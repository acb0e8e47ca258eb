import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Service } from './service.fixture.ts';

let service: Service;

beforeAll(async () => {
  service = await Service.start('lists');
});

afterAll(async () => {
  await service.close();
});

/** Hosts that no other number has, none beside another. */
function entries(number: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `10.${number}.${(index * 2) >> 8}.${(index * 2) & 255}/32`);
}

it('has replaced a list as a whole or not at all when it is killed in the middle of that', async () => {
  const { api, daemon } = service;
  const put = (number: number) =>
    api.ask('PUT', '/v1/lists/bad?action=drop&chain=input', {
      body: entries(number, 3000).join('\n'),
      type: 'text/plain',
    });
  expect((await put(1)).status).toBe(201);
  let standing = 1;
  for (let round = 2; round <= 4; round++) {
    const answer = put(round).then(
      ({ status }) => status,
      () => undefined,
    );
    await sleep(Math.random() * 120);
    await daemon.kill();
    const status = await answer;
    await daemon.start();
    const held = (await service.table.lists()).get('bad') ?? [];
    if (status === 200 || held[0]?.startsWith(`10.${round}.`)) standing = round;
    expect(held).toEqual(entries(standing, 3000));
    expect(await service.lists()).toEqual(new Map([['bad', held]]));
  }
});
