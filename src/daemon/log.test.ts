import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Entry, makeFolder } from './folder.fixture.ts';
import { type LogLevel, openLog } from './log.ts';

/** The lines of a log file, when those of this turn are in it. */
async function read(file: string): Promise<Entry[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

describe('openLog', () => {
  it('writes lines of JSON with a time that people can read', async () => {
    const file = makeFolder().at('rfw.log');
    openLog(file, 'INFO', false).logger.info({ rule: 'x' }, 'Rule created');
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(await read(file)).toEqual([{ level: 'info', time, pid: process.pid, rule: 'x', msg: 'Rule created' }]);
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  it('has the lines of this turn in the file as soon as it is asked to', () => {
    const file = makeFolder().at('rfw.log');
    const log = openLog(file, 'INFO', false);
    log.logger.info('one');
    log.flush();
    expect(readFileSync(file, 'utf8')).toMatch(/"msg":"one"}\n$/);
  });

  it('appends to what is there', async () => {
    const folder = makeFolder();
    openLog(folder.write('rfw.log', '{"msg":"before"}\n'), 'INFO', false).logger.info('after');
    expect((await read(folder.at('rfw.log'))).map((entry) => entry.msg)).toEqual(['before', 'after']);
  });

  it.each<[LogLevel, string[]]>([
    ['DEBUG', ['debug', 'info', 'warn']],
    ['INFO', ['info', 'warn']],
    ['WARNING', ['warn']],
    ['ERROR', []],
    ['CRITICAL', []],
  ])('keeps from %s up', async (level, kept) => {
    const file = makeFolder().at('rfw.log');
    const { logger } = openLog(file, level, false);
    for (const name of ['debug', 'info', 'warn'] as const) logger[name]('x');
    expect((await read(file)).map((entry) => entry.level)).toEqual(kept);
  });

  it('goes on in a new file after something has moved the old one away', async () => {
    const folder = makeFolder();
    const file = folder.at('rfw.log');
    const log = openLog(file, 'INFO', false);
    log.logger.info('one');
    renameSync(file, folder.at('rfw.log.1'));
    log.logger.info('two');
    log.reopen();
    log.logger.info('three');
    expect((await read(folder.at('rfw.log.1'))).map((entry) => entry.msg)).toEqual(['one', 'two']);
    expect((await read(file)).map((entry) => entry.msg)).toEqual(['three']);
  });

  it('outlives a folder that is gone when the file is opened anew', () => {
    const folder = makeFolder();
    const log = openLog(folder.at('rfw.log'), 'INFO', false);
    rmSync(folder.path, { recursive: true });
    expect(() => log.reopen()).not.toThrow();
    expect(() => log.logger.info('nowhere')).not.toThrow();
  });

  it.skipIf(!existsSync('/dev/full'))('outlives a disk that is full', async () => {
    const { logger } = openLog('/dev/full', 'INFO', false);
    expect(() => logger.info('lost')).not.toThrow();
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => logger.info('lost, too')).not.toThrow();
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('says which file it could not open', () => {
    const file = makeFolder().at('none/rfw.log');
    expect(() => openLog(file, 'INFO', false)).toThrow(
      expect.objectContaining({
        name: 'RfwError',
        code: 'config-invalid',
        message: expect.stringMatching(
          /^Could not write the log file .*none\/rfw\.log: ENOENT.*Name another one with --logfile$/,
        ),
      }),
    );
  });
});
