import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditEntry } from '../audit.fixture.ts';
import type { RecordedChange } from '../changes.ts';
import { rule } from '../rules.fixture.ts';
import type { Disk } from './store.conformance.ts';
import type { Mutation, Store } from './store.ts';

const insert = (inserted: Mutation['rule']): Mutation => ({ kind: 'insert', rule: inserted });

/** What every store promises of what is recorded beside the rules. */
export function recordsConformance(name: string, makeDisk: () => Promise<Disk>): void {
  describe(`${name} conforms in what is beside the rules: it`, () => {
    let disk: Disk;
    let store: Store;

    beforeEach(async () => {
      disk = await makeDisk();
      store = await disk.open();
    });
    afterEach(() => disk.dispose());

    /** As the next daemon opens it. */
    const reopen = async () => {
      store = await disk.open();
      return store;
    };

    it('chains what was done in the audit log, beside what else is in the transaction, and keeps it over a flush', async () => {
      await store.append([insert(rule(1, '10.0.0.1'))], { audit: [auditEntry(1), auditEntry(2)] });
      await store.append([], { audit: [auditEntry(3)] });
      await store.clear({ audit: [auditEntry(4)] });
      for (const open of [async () => store, reopen]) {
        const records = await (await open()).audit({ limit: 3 });
        expect(records.map(({ number }) => number)).toEqual([4, 3, 2]);
        expect(records[2]).toEqual({ ...auditEntry(2), number: 2, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
        expect(await store.audit({ limit: 9, before: 2 })).toMatchObject([{ number: 1 }]);
      }
    });

    it('keeps recorded changes in their order, beside what else is in the transaction', async () => {
      const by = 'rfw';
      const change = (number: number, recorded: RecordedChange) => ({ number, at: 1000 * number, change: recorded });
      const first = [
        change(1, {
          kind: 'created',
          rule: { ...rule(9, '10.0.0.9'), origin: "Robert'); DROP TABLE rules;--", comment: 'ünï "quoted"\n' },
          by: 'ünï "x"',
        }),
        change(2, { kind: 'whitelist-added', entry: '192.0.2.1', by }),
      ];
      const second = [change(3, { kind: 'expired', rule: rule(2, '2001:db8::/64', 5000), by })];
      await store.append([insert(rule(1, '10.0.0.1'))], { changes: first });
      await store.append([], { changes: second });
      await store.clear({ changes: [change(4, { kind: 'flushed', rules: 1, by })] });
      for (const open of [async () => store, reopen]) {
        const disk = await open();
        const { changes, oldest, last } = await disk.changes(0, 100);
        expect(changes.slice(0, 3)).toEqual([...first, ...second].map((each) => ({ ...each, at: expect.any(Number) })));
        expect([changes.map(({ number }) => number), oldest, last]).toEqual([[1, 2, 3, 4], 1, 4]);
        expect((await disk.changes(1, 2)).changes.map(({ number }) => number)).toEqual([2, 3]);
        expect((await disk.changes(4, 2)).changes).toEqual([]);
        expect((await disk.load()).lastChange).toBe(4);
      }
    });

    it('keeps documents, of text and of bytes, until they are deleted or replaced', async () => {
      const bytes = Uint8Array.of(0, 255, 1);
      await store.append([], {
        documents: [
          { kind: 'list', id: 'b', body: bytes },
          { kind: 'list', id: 'a', body: 'x' },
          { kind: 'token', id: 'a', body: 'ü' },
        ],
      });
      const read = async (from: Store, kind: string) => [...(await from.documents(kind))];
      expect(await read(await reopen(), 'list')).toEqual([
        ['a', 'x'],
        ['b', bytes],
      ]);
      await store.append([], {
        documents: [
          { kind: 'list', id: 'a', body: null },
          { kind: 'list', id: 'none', body: null },
          { kind: 'token', id: 'a', body: 'new' },
        ],
      });
      expect(await read(store, 'list')).toEqual([['b', bytes]]);
      expect(await read(await reopen(), 'token')).toEqual([['a', 'new']]);
    });
  });
}
