import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loaded, rule, spec } from '../rules.fixture.ts';
import { recordsConformance } from './records.conformance.ts';
import { CompiledStore, outputOf, temporaryFolder } from './sqlite.fixture.ts';
import { SqliteStore } from './sqlite.ts';
import { storeConformance } from './store.conformance.ts';

const makeDisk = async () => {
  const folder = temporaryFolder();
  let store: SqliteStore | undefined;
  const close = async (): Promise<void> => {
    // A test may have closed it itself.
    await store?.close().catch(() => {});
  };
  return {
    open: async () => {
      await close();
      store = new SqliteStore(folder);
      return store;
    },
    dispose: async () => {
      await close();
      rmSync(folder, { recursive: true });
    },
  };
};
storeConformance('SqliteStore', makeDisk);
recordsConformance('SqliteStore', makeDisk);

let folder: string;
let opened: SqliteStore[];

beforeEach(() => {
  folder = temporaryFolder();
  opened = [];
});

afterEach(async () => {
  for (const store of opened) await store.close().catch(() => {});
  rmSync(folder, { recursive: true });
});

function open(at = folder): SqliteStore {
  const store = new SqliteStore(at);
  opened.push(store);
  return store;
}

const insert = (seq: number) => ({ kind: 'insert' as const, rule: rule(seq, `10.0.0.${seq}`) });
const seqs = async (store: SqliteStore): Promise<number[]> => Array.from((await loaded(store)).rules, ({ seq }) => seq);

/** Does something to the file as an operator may. */
function byHand(sql: string): void {
  const db = new DatabaseSync(join(folder, 'rfw.db'));
  db.exec(sql);
  db.close();
}

/** Makes a store with one rule, and closes it. */
async function written(): Promise<void> {
  const store = open();
  await store.append([insert(1)]);
  await store.close();
}

describe('a store of an rfw that noted no packet filters', () => {
  it('was about iptables, on that start of the machine, once a daemon had run', async () => {
    const store = open();
    expect(await store.holders()).toEqual([]);
    await store.moveExpiries(0, { bootId: 'a', offset: 0 });
    const leftovers = { rules: [], guards: [] };
    expect(await store.holders()).toEqual([{ name: 'iptables', variant: '', path: '', bootId: 'a', leftovers }]);
    await store.setHolders([]);
    expect(await store.holders()).toEqual([]);
  });
});

describe('the state folder', () => {
  it('is made where it is missing, for its owner alone', () => {
    const inner = join(folder, 'var/lib/rfw');
    open(inner);
    expect((statSync(inner).mode & 0o777).toString(8)).toBe('700');
    expect((statSync(join(folder, 'var')).mode & 0o777).toString(8)).toBe('700');
  });

  it('is told in the message when it can not be made', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => open(join(folder, 'file/rfw'))).toThrow(
      expect.objectContaining({ code: 'store-failed', message: expect.stringContaining(join(folder, 'file/rfw')) }),
    );
  });

  it('is in use while a store is open, and free after', async () => {
    const store = open();
    expect(() => open()).toThrow(expect.objectContaining({ code: 'state-in-use' }));
    await store.append([insert(1)]);
    expect(() => open()).toThrow(expect.objectContaining({ message: expect.stringContaining(folder) }));
    await store.close();
    expect(await seqs(open())).toEqual([1]);
  });

  it('is free after an attempt to open it that failed', async () => {
    writeFileSync(join(folder, 'rfw.db'), 'not a database');
    expect(() => open()).toThrow();
    rmSync(join(folder, 'rfw.db'));
    expect(await seqs(open())).toEqual([]);
  });
});

describe('the file', () => {
  it('can be read by others while it is open', async () => {
    const store = open();
    await store.append([insert(1)]);
    const db = new DatabaseSync(join(folder, 'rfw.db'), { readOnly: true });
    const rows = (): unknown => db.prepare('SELECT seq, action, chain, source FROM rules').all();
    expect(rows()).toEqual([{ seq: 1, action: 'drop', chain: 'input', source: '10.0.0.1/32' }]);
    await store.append([insert(2)]);
    expect(rows()).toHaveLength(2);
    db.close();
  });

  it('can be written while somebody reads it', async () => {
    const store = open();
    await store.append([insert(1)]);
    const db = new DatabaseSync(join(folder, 'rfw.db'));
    db.exec('BEGIN; SELECT * FROM rules;');
    await store.append([insert(2)]);
    await store.intend({ rules: [spec('10.0.0.3')], guards: [], removed: [] });
    db.exec('COMMIT');
    db.close();
    expect(await seqs(store)).toEqual([1, 2]);
  });

  it('is whole by itself once it is closed, so that a copy of it is a backup', async () => {
    await written();
    mkdirSync(join(folder, 'backup'));
    copyFileSync(join(folder, 'rfw.db'), join(folder, 'backup/rfw.db'));
    expect(await seqs(open(join(folder, 'backup')))).toEqual([1]);
  });

  it('of a newer rfw is refused and left as it is', async () => {
    await written();
    byHand('PRAGMA user_version = 99');
    const before = readFileSync(join(folder, 'rfw.db'));
    expect(() => open()).toThrow(
      expect.objectContaining({ code: 'store-failed', message: expect.stringMatching(/newer rfw \(schema 99/) }),
    );
    expect(readFileSync(join(folder, 'rfw.db')).equals(before)).toBe(true);
  });

  it('that is no database is refused and left as it is', () => {
    writeFileSync(join(folder, 'rfw.db'), 'rules: none\n'.repeat(1000));
    expect(() => open()).toThrow(
      expect.objectContaining({ code: 'store-failed', message: expect.stringContaining(join(folder, 'rfw.db')) }),
    );
    expect(readFileSync(join(folder, 'rfw.db'), 'utf8')).toBe('rules: none\n'.repeat(1000));
  });

  it('whose pages are rubbish is refused when it is read', async () => {
    await written();
    byHand('PRAGMA wal_checkpoint(TRUNCATE)');
    const bytes = readFileSync(join(folder, 'rfw.db'));
    bytes.fill(0xa5, 4096);
    writeFileSync(join(folder, 'rfw.db'), bytes);
    const reading = async (): Promise<unknown> => loaded(open());
    await expect(reading()).rejects.toMatchObject({ code: 'store-failed' });
  });

  it.each([
    ['source', "UPDATE rules SET source = 'rubbish'"],
    ['mask', "UPDATE rules SET source = '10.0.0.0/64'"],
    ['interface', `UPDATE rules SET "in" = '-j'`],
    ['action', "UPDATE rules SET action = 'explode'"],
    ['shape', "UPDATE rules SET destination = '10.0.0.1/32'"],
    ['note', "INSERT INTO intended_guards VALUES ('{')"],
    ['clock', "INSERT INTO meta VALUES ('clock', 'noon') ON CONFLICT (key) DO UPDATE SET value = 'noon'"],
  ])('in which somebody has written a wrong %s is refused when it is read', async (_, sql) => {
    await written();
    byHand(sql);
    await expect(loaded(open())).rejects.toMatchObject({ code: 'store-failed' });
  });

  it('is a folder: that is refused', () => {
    mkdirSync(join(folder, 'rfw.db'));
    expect(() => open()).toThrow(expect.objectContaining({ code: 'store-failed' }));
  });
});

describe('an append', () => {
  it('that fails halfway stores nothing of it', async () => {
    const store = open();
    await store.append([insert(1)]);
    await store.intend({ rules: [spec('10.0.0.2')], guards: [], removed: [] });
    const twice = { kind: 'insert' as const, rule: rule(1, '10.0.0.3') };
    await expect(store.append([insert(2), twice], { guard: null })).rejects.toMatchObject({ code: 'store-failed' });
    expect(await loaded(store)).toMatchObject({
      rules: [rule(1, '10.0.0.1')],
      lastSeq: 1,
      intended: { rules: [spec('10.0.0.2')] },
    });
    await store.append([insert(2)]);
    expect(await seqs(store)).toEqual([1, 2]);
  });

  it('fails, and the next one has its way, when somebody else holds the file for too long', {
    timeout: 10_000,
  }, async () => {
    const store = open();
    const db = new DatabaseSync(join(folder, 'rfw.db'));
    db.exec('BEGIN IMMEDIATE');
    await expect(store.append([insert(1)])).rejects.toMatchObject({ code: 'store-failed' });
    db.exec('ROLLBACK');
    db.close();
    await store.append([insert(1)]);
    expect(await seqs(store)).toEqual([1]);
  });
});

describe('a process of its own', () => {
  let compiled: CompiledStore;

  beforeAll(async () => {
    compiled = await CompiledStore.make();
  }, 60_000);
  afterAll(() => compiled.dispose());

  const opening = (at: string): string => `const store = new SqliteStore(${JSON.stringify(at)});`;

  /** Writes rules one by one, and says each number once it is acknowledged. */
  const writing = `
    for (let seq = 1; ; seq++) {
      const rule = { action: 'drop', chain: 'input', in: 'any', out: 'any', source: parsePrefix('10.0.' + (seq >> 8) + '.' + (seq & 255)), destination: 'any' };
      const stored = { ...rule, seq, expiresAt: null, createdAt: 0, origin: 'o'.repeat(200), comment: '' };
      try {
        await store.intend({ rules: [rule], guards: [], removed: [] });
        await store.append([{ kind: 'insert', rule: stored }]);
      } catch (error) {
        console.log(error.code);
        const { rules } = await store.load();
        console.log([...rules].length === seq - 1 ? 'whole' : 'broken');
        process.exit();
      }
      process.stdout.write(seq + '\\n');
    }`;

  it('finds the folder in use', async () => {
    open();
    const child = compiled.run(`try { ${opening(folder)} } catch (error) { console.log(error.code) }`);
    expect(await outputOf(child)).toBe('state-in-use\n');
  });

  it('that is killed leaves every rule that it acknowledged, and the folder free', async () => {
    const child = compiled.run(`${opening(folder)} ${writing}`);
    const output = outputOf(child);
    if (child.stdout !== null) await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, 100));
    child.kill('SIGKILL');
    const acknowledged = (await output).split('\n').slice(0, -1).map(Number);
    expect(acknowledged.length).toBeGreaterThan(0);
    const { rules, intended } = await loaded(open());
    const stored = Array.from(rules, ({ seq }) => seq);
    expect(stored).toEqual(stored.map((_, index) => index + 1));
    expect(stored.length - acknowledged.length).toBeOneOf([0, 1]);
    expect(intended.rules.length).toBeLessThanOrEqual(1);
  });

  const prlimit = '/usr/bin/prlimit';

  it.skipIf(!existsSync(prlimit))('whose disk is full says so, and has all that was stored before', async () => {
    // Node ignores SIGXFSZ, so a file that would grow beyond the limit fails as on a full disk.
    const child = compiled.run(`${opening(folder)} ${writing}`, {}, [prlimit, '--fsize=200000']);
    const lines = (await outputOf(child)).trimEnd().split('\n');
    expect(lines.slice(-2)).toEqual(['store-failed', 'whole']);
    expect((await seqs(open())).length).toBe(lines.length - 2);
  });
});
