import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parsePrefix } from '../../domain/address.ts';
import type { PortGuard } from '../../domain/guard.ts';
import type { Rule } from '../../domain/rule.ts';
import { loaded, rule, spec } from '../rules.fixture.ts';
import type { Holder } from './holder.ts';
import type { Intention, Mutation, Store } from './store.ts';

/** A place where a store keeps its rules. */
export interface Disk {
  /** Opens it: the first time, or as the next daemon does. The store that was open before is closed. */
  open(): Promise<Store>;
  /** Removes it for good. */
  dispose(): Promise<void>;
}

const insert = (inserted: Rule): Mutation => ({ kind: 'insert', rule: inserted });
const expiry = (changed: Rule): Mutation => ({ kind: 'update', rule: changed });
const remove = (gone: Rule): Mutation => ({ kind: 'delete', rule: gone });

const nothing: Intention = { rules: [], guards: [], removed: [] };
const guard: PortGuard = { port: 7393, allowed: [parsePrefix('192.0.2.0/24'), parsePrefix('2001:db8::1')] };

/** One rule of every shape. */
const shapes: readonly Rule[] = [
  rule(1, 'drop input any any 10.0.0.1 any'),
  rule(2, 'accept input eth0 any 10.0.0.0/24 any', 1_800_000_000_123),
  rule(3, 'reject output any ppp+ any 2001:db8::/64'),
  rule(4, 'drop forward eth0 wg-0.1:x@y 10.0.0.1 0.0.0.0/0', 253_402_300_799_000),
  rule(5, 'drop forward any any any ::/0'),
  { ...rule(9, '10.0.0.9'), origin: "Robert'); DROP TABLE rules;--", comment: 'ünï "quoted"\n\t%s' },
];

const legacy: Holder = {
  name: 'iptables',
  variant: 'legacy',
  path: '/usr/sbin/xtables-legacy-multi',
  bootId: 'a',
  leftovers: { rules: shapes.map(plain), guards: [guard] },
};
const nftables: Holder = {
  name: 'nftables',
  variant: '',
  path: '',
  bootId: 'b',
  leftovers: { rules: [], guards: [] },
};

/** What every store promises. */
export function storeConformance(name: string, makeDisk: () => Promise<Disk>): void {
  describe(`${name} conforms: it`, () => {
    let disk: Disk;
    let store: Store;

    beforeEach(async () => {
      disk = await makeDisk();
      store = await disk.open();
    });
    afterEach(() => disk.dispose());

    /** What the next daemon reads. */
    const reopened = async () => loaded(await reopen());

    /** As the next daemon opens it. */
    const reopen = async () => {
      store = await disk.open();
      return store;
    };

    it('is empty at first', async () => {
      const empty = { rules: [], guard: null, intended: nothing, lastSeq: 0, lastChange: 0, clock: undefined };
      expect(await loaded(store)).toEqual(empty);
      expect(await reopened()).toEqual(empty);
    });

    it('gives every rule back as it was, oldest first', async () => {
      await store.append(shapes.toReversed().map(insert));
      expect((await loaded(store)).rules).toEqual(shapes);
      expect((await reopened()).rules).toEqual(shapes);
    });

    it('takes insertions, expiries and deletions together', async () => {
      await store.append([insert(rule(1, '10.0.0.1')), insert(rule(2, '10.0.0.2', 5000)), insert(rule(3, '10.0.0.3'))]);
      await store.append([
        remove(rule(1, '10.0.0.1')),
        expiry(rule(2, '10.0.0.2', null)),
        expiry(rule(3, '10.0.0.3', 7000)),
        insert(rule(4, '10.0.0.4')),
      ]);
      const rules = [rule(2, '10.0.0.2'), rule(3, '10.0.0.3', 7000), rule(4, '10.0.0.4')];
      expect((await reopened()).rules).toEqual(rules);
    });

    it('has a tuple leave and come back within one append', async () => {
      await store.append([insert(rule(1, '10.0.0.1'))]);
      await store.append([remove(rule(1, '10.0.0.1')), insert(rule(2, '10.0.0.1'))]);
      expect((await reopened()).rules).toEqual([rule(2, '10.0.0.1')]);
    });

    it('remembers the highest place ever given out, also when no rule is left', async () => {
      await store.append([insert(rule(7, '10.0.0.7'))]);
      await store.append([remove(rule(7, '10.0.0.7'))]);
      expect((await reopened()).lastSeq).toBe(7);
      await store.append([insert(rule(8, '10.0.0.8'))]);
      expect((await reopened()).lastSeq).toBe(8);
    });

    it('keeps the guard until it is given another one, or none', async () => {
      await store.append([], { guard });
      await store.append([insert(rule(1, '10.0.0.1'))]);
      expect((await reopened()).guard).toEqual(guard);
      await store.append([], { guard: null });
      expect((await reopened()).guard).toBeNull();
    });

    it('keeps what was intended, the last note only, until an append', async () => {
      const intention = { rules: [...shapes.map(plain)], guards: [guard], removed: [spec('10.0.0.8')] };
      await store.intend({ rules: [spec('10.0.0.2')], guards: [], removed: [spec('10.0.0.3')] });
      await store.intend(intention);
      expect((await reopened()).intended).toEqual(intention);
      await store.append([]);
      expect((await reopened()).intended).toEqual(nothing);
    });

    it('can note the same tuple as wanted and as about to go', async () => {
      const intention = { rules: [spec('10.0.0.1')], guards: [], removed: [spec('10.0.0.1')] };
      await store.intend(intention);
      expect((await reopened()).intended).toEqual(intention);
    });

    it('leaves the rules alone when something is noted', async () => {
      await store.append([insert(rule(1, '10.0.0.1'))], { guard });
      await store.intend(nothing);
      expect(await reopened()).toMatchObject({ rules: [rule(1, '10.0.0.1')], guard, lastSeq: 1 });
    });

    it('never gives out a place in the order again, also after a rule came back to an earlier one', async () => {
      await store.append([insert(rule(7, '10.0.0.7')), insert(rule(8, '10.0.0.8'))]);
      await store.append([remove(rule(7, '10.0.0.7'))]);
      await store.append([insert(rule(7, '10.0.0.7'))]);
      expect((await reopened()).lastSeq).toBe(8);
      await store.append([insert(rule(5, '10.0.0.5'))]);
      expect(await reopened()).toMatchObject({ lastSeq: 8, rules: [{ seq: 5 }, { seq: 7 }, { seq: 8 }] });
    });

    it('moves every expiry, leaves permanent rules permanent, and remembers how the clocks stood', async () => {
      await store.append([insert(rule(1, '10.0.0.1')), insert(rule(2, '10.0.0.2', 5000))]);
      await store.intend({ ...nothing, rules: [spec('10.0.0.3')] });
      const clock = { bootId: 'a', offset: -12.75 };
      await store.moveExpiries(-1500, clock);
      const state = await reopened();
      expect(state).toMatchObject({ rules: [rule(1, '10.0.0.1'), rule(2, '10.0.0.2', 3500)], clock });
      expect(state.intended.rules).toEqual([spec('10.0.0.3')]);
      await store.moveExpiries(0, { bootId: 'b', offset: 0 });
      expect(await reopened()).toMatchObject({ rules: state.rules, clock: { bootId: 'b', offset: 0 } });
    });

    it('remembers which packet filters hold something, in their order, until it is told others', async () => {
      expect(await store.holders()).toEqual([]);
      await store.setHolders([legacy, nftables]);
      await store.append([insert(rule(1, '10.0.0.1'))]);
      store = await disk.open();
      expect(await store.holders()).toEqual([legacy, nftables]);
      await store.setHolders([nftables]);
      store = await disk.open();
      expect(await store.holders()).toEqual([nftables]);
      await store.setHolders([]);
      store = await disk.open();
      expect(await store.holders()).toEqual([]);
    });

    it('takes nothing more once it is closed', async () => {
      await store.close();
      for (const call of [
        () => store.append([insert(rule(1, '10.0.0.1'))]),
        () => store.intend(nothing),
        () => store.moveExpiries(0, { bootId: 'a', offset: 0 }),
        () => store.setHolders([]),
      ]) {
        await expect(call()).rejects.toMatchObject({ name: 'RfwError', code: 'store-failed' });
      }
    });

    it('holds after any sequence of appends what a list holds', async () => {
      const kind = fc.constantFrom('insert', 'insert', 'expiry', 'delete', 'append', 'reopen');
      const step = fc.record({ kind, at: fc.nat(7) });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          await disk.dispose();
          disk = await makeDisk();
          store = await disk.open();
          let list: Rule[] = [];
          let waiting: Mutation[] = [];
          for (const [index, { kind: what, at }] of steps.entries()) {
            const chosen = list[at % Math.max(1, list.length)];
            if (what === 'insert') {
              const inserted = rule(index + 1, `10.0.0.${index}`, at === 0 ? null : at);
              list.push(inserted);
              waiting.push(insert(inserted));
            } else if (what === 'expiry' && chosen !== undefined) {
              const changed = { ...chosen, expiresAt: index };
              list = list.map((kept) => (kept === chosen ? changed : kept));
              waiting.push(expiry(changed));
            } else if (what === 'delete' && chosen !== undefined) {
              list = list.filter((kept) => kept !== chosen);
              waiting.push(remove(chosen));
            } else {
              await store.append(waiting);
              waiting = [];
              if (what === 'reopen') store = await disk.open();
              expect((await loaded(store)).rules).toEqual(list);
            }
          }
        }),
        { numRuns: 20 },
      );
    });
  });
}

/** The tuple of a rule and nothing else. */
function plain({ action, chain, in: into, out, source, destination }: Rule) {
  return { action, chain, in: into, out, source, destination };
}
