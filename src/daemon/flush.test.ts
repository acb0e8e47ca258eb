import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePrefix } from '../domain/address.ts';
import { SqliteStore } from '../engine/store/sqlite.ts';
import { loadConfig } from './config.ts';
import { get, memoryLines, put, startDaemon } from './daemon.fixture.ts';
import { flush, flushLines } from './flush.ts';
import { freePort, makeFolder } from './folder.fixture.ts';

const guard = { port: 7393, allowed: [parsePrefix('192.0.2.1')] };

describe('flushLines', () => {
  it.each([
    ['that there was nothing', { removed: [], rules: 0, lists: 0, guard: null }, ['Nothing of rfw was in the kernel']],
    [
      'what it removed, and that the guard comes back',
      { removed: ['1 rule from the filter table', 'the guard of port 7393'], rules: 1, lists: 2, guard },
      [
        'Removed 1 rule from the filter table',
        'Removed the guard of port 7393',
        'Deleted 1 stored rule: no start brings them back',
        'Deleted 2 stored lists: no start brings them back',
        'The guard comes back with the next rule, with SIGHUP or a restart',
      ],
    ],
    [
      'what it removed, where there is no guard',
      { removed: ['table inet rfw'], rules: 12, lists: 1, guard: null },
      [
        'Removed table inet rfw',
        'Deleted 12 stored rules: no start brings them back',
        'Deleted 1 stored list: no start brings them back',
      ],
    ],
  ])('says %s', (_, flushed, lines) => {
    expect(flushLines(flushed)).toEqual(lines);
  });
});

describe('flush', () => {
  it('asks a daemon that runs, which goes on without rules', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const { daemon, lines } = await startDaemon(folder, memoryLines(port));
    await put(port, '/drop/input/any/203.0.113.7');
    expect(await flush(loadConfig(folder.at('rfw.conf')))).toEqual({
      lines: ['Removed drop input any any 203.0.113.7/32 any', 'Deleted 1 stored rule: no start brings them back'],
      failures: [],
    });
    expect([daemon.report.rules, await get(`http://127.0.0.1:${port}/list`)]).toEqual([0, '200 []']);
    expect(lines()).toContain('warn: Flushed: all rules, all lists and the guard were taken out, as asked');
    expect(await put(port, '/drop/input/any/203.0.113.7')).toContain('"status":"created"');
  });

  it('deletes the stored rules where no daemon runs', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const { daemon } = await startDaemon(folder, memoryLines(port));
    await put(port, '/drop/input/any/203.0.113.7');
    await daemon.stop();
    expect(await flush(loadConfig(folder.at('rfw.conf')))).toEqual({
      lines: ['Nothing of rfw was in the kernel', 'Deleted 1 stored rule: no start brings them back'],
      failures: [],
    });
    expect((await startDaemon(folder, memoryLines(port))).daemon.report.rules).toBe(0);
  });

  it('makes no state folder where there is none', async () => {
    const folder = makeFolder();
    const config = loadConfig(folder.config(...memoryLines(await freePort())));
    expect(await flush(config)).toEqual({ lines: ['Nothing of rfw was in the kernel'], failures: [] });
    expect(existsSync(folder.at('state'))).toBe(false);
  });

  it('says that rules which are only tried out are not those in the kernel', async () => {
    const folder = makeFolder();
    const config = loadConfig(folder.config(...memoryLines(await freePort())));
    await new SqliteStore(folder.at('state')).close();
    expect((await flush(config)).lines).toEqual([
      'Nothing of rfw was in the kernel',
      'What an earlier start has put into the kernel stays there: --backend auto flushes that',
    ]);
  });
});
