import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { identityOf, readSnapshot, writeSnapshot } from './snapshot-file.ts';
import { temporaryFolder } from './sqlite.fixture.ts';

let folder: string;
let database: string;
let file: string;

beforeEach(() => {
  folder = temporaryFolder();
  database = join(folder, 'rfw.db');
  file = join(folder, 'rfw.snapshot');
  writeFileSync(database, 'rules');
});

const content = {
  numbers: Float64Array.of(1, 2.5, -3),
  words: Uint32Array.of(7, 8),
  text: 'ä',
  map: new Map([['a', 1n]]),
};

describe('a snapshot', () => {
  it('comes back as it was, once', () => {
    writeSnapshot(folder, identityOf(database), 'rfw 1', content);
    expect(readSnapshot(folder, identityOf(database), 'rfw 1')).toEqual(content);
    expect(existsSync(file)).toBe(false);
    expect(readSnapshot(folder, identityOf(database), 'rfw 1')).toBeUndefined();
  });

  it.each<[string, () => void]>([
    ['the database was written to', () => appendFileSync(database, ' and more')],
    [
      'the database was written to by somebody who sets its time back',
      () => {
        writeFileSync(database, 'RULES');
        utimesSync(database, 1, 1);
      },
    ],
    ['the journal of the database holds something', () => writeFileSync(`${database}-wal`, 'x')],
    ['it was cut off', () => truncateSync(file, readFileSync(file).length - 1)],
    [
      'a bit of it was turned',
      () => {
        const bytes = readFileSync(file);
        bytes[bytes.length - 9] = (bytes.at(-9) ?? 0) ^ 1;
        writeFileSync(file, bytes);
      },
    ],
    ['it is empty', () => truncateSync(file, 0)],
    ['it is rubbish', () => writeFileSync(file, '{}\nrubbish')],
    [
      'it is of another form',
      () => writeFileSync(file, readFileSync(file, 'latin1').replace('"format":2', '"format":0'), 'latin1'),
    ],
  ])('counts for nothing when %s, and is gone', (_, spoil) => {
    writeSnapshot(folder, identityOf(database), 'rfw 1', content);
    spoil();
    expect(readSnapshot(folder, identityOf(database), 'rfw 1')).toBeUndefined();
    expect(existsSync(file)).toBe(false);
  });

  it('of another version is as good as none', () => {
    writeSnapshot(folder, identityOf(database), 'rfw 1', content);
    expect(readSnapshot(folder, identityOf(database), 'rfw 2')).toBeUndefined();
  });

  it('is not written for a database that is not there or not whole', () => {
    expect(identityOf(join(folder, 'none.db'))).toBeUndefined();
    writeSnapshot(folder, undefined, 'rfw 1', content);
    expect(existsSync(file)).toBe(false);
  });

  it('that can not be written costs nothing but itself', () => {
    mkdirSync(file);
    writeSnapshot(folder, identityOf(database), 'rfw 1', content);
    expect(existsSync(`${file}.new`)).toBe(false);
  });
});
