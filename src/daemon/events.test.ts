import { describe, expect, it } from 'vitest';
import { hostPrefix, type Prefix, parseAddress, rangeOf } from '../domain/address.ts';
import { AddressSet } from '../domain/address-set.ts';
import { anyInterface } from '../domain/interface.ts';
import { parseListName } from '../domain/list.ts';
import type { Rule } from '../domain/rule.ts';
import type { EngineEvent } from '../engine/events.ts';
import type { List } from '../engine/list.ts';
import { logEvent } from './events.ts';
import { makeLog } from './folder.fixture.ts';

const rule: Rule = {
  action: 'drop',
  chain: 'input',
  in: anyInterface,
  out: anyInterface,
  source: hostPrefix(parseAddress('1.2.3.4')),
  destination: 'any',
  seq: 1,
  expiresAt: 1000,
  createdAt: 0,
  origin: 'alice@192.0.2.1',
  comment: '',
};
const list: List = {
  name: parseListName('spam'),
  action: 'drop',
  chain: 'input',
  in: anyInterface,
  out: anyInterface,
  side: 'source',
  comment: '',
  expiresAt: 1000,
  addresses: AddressSet.of([rangeOf(rule.source as Prefix)]),
  version: 7,
  place: 3,
  createdAt: 0,
  updatedAt: 0,
  origin: 'alice',
};
const listFields = { list: 'spam', version: 7, action: 'drop', chain: 'input', entries: 1, expiresAt: 1000 };
const key = 'drop input any any 1.2.3.4/32 any';

/** Every kind of event with what the log says of it; the type asks for a row when a kind is added. */
const rows: { readonly [K in EngineEvent['kind']]: readonly [event: EngineEvent & { kind: K }, entry: object] } = {
  created: [
    { kind: 'created', rule, origin: 'bob@192.0.2.2' },
    { level: 'info', rule: key, expiresAt: 1000, origin: 'bob@192.0.2.2', msg: 'Rule created' },
  ],
  updated: [
    { kind: 'updated', rule: { ...rule, expiresAt: null }, origin: 'local' },
    { level: 'info', rule: key, expiresAt: null, origin: 'local', msg: 'Rule updated' },
  ],
  deleted: [
    { kind: 'deleted', rule, origin: 'local' },
    { level: 'info', rule: key, expiresAt: 1000, origin: 'local', msg: 'Rule deleted' },
  ],
  many: [
    { kind: 'many', origin: 'detector', created: 120, updated: 3, deleted: 0 },
    { level: 'info', origin: 'detector', created: 120, updated: 3, deleted: 0, msg: 'Rules changed together' },
  ],
  undone: [
    { kind: 'undone', id: 'x', by: 'alice', failure: 'no' },
    { level: 'error', id: 'x', by: 'alice', reason: 'no', msg: expect.stringMatching(/could not be undone/) },
  ],
  expired: [
    { kind: 'expired', rule },
    { level: 'info', rule: key, msg: 'Rule expired' },
  ],
  displaced: [
    { kind: 'displaced', rule },
    { level: 'warn', rule: key, msg: 'Rule removed: it conflicts with the whitelist' },
  ],
  drift: [
    { kind: 'drift', repair: { missing: [rule], moved: 2, removed: 3, guard: 4, lists: 6, rebuilt: false }, count: 5 },
    {
      level: 'warn',
      moved: 2,
      removed: 3,
      guard: 4,
      lists: 6,
      rebuilt: false,
      missing: 1,
      rules: [key],
      count: 5,
      msg: 'Drift: the kernel did not hold the rules as rfw had left them; repaired, 5 times since the start',
    },
  ],
  'clock-set': [
    { kind: 'clock-set', milliseconds: -3_600_000 },
    { level: 'warn', milliseconds: -3_600_000, msg: 'The wall clock was set: expiries moved along' },
  ],
  degraded: [
    { kind: 'degraded', reason: 'no lock' },
    { level: 'error', reason: 'no lock', msg: 'Degraded: the kernel can not be brought to the rules; trying again' },
  ],
  flushed: [
    { kind: 'flushed', lists: 1, rules: 12 },
    { level: 'warn', rules: 12, lists: 1, msg: 'Flushed: all rules, all lists and the guard were taken out, as asked' },
  ],
  'list-replaced': [
    { kind: 'list-replaced', list, origin: 'feed' },
    { level: 'info', ...listFields, origin: 'feed', msg: 'List replaced' },
  ],
  'list-changed': [
    { kind: 'list-changed', list, origin: 'feed' },
    { level: 'info', ...listFields, origin: 'feed', msg: 'List changed' },
  ],
  'list-deleted': [
    { kind: 'list-deleted', list, origin: 'feed' },
    { level: 'info', ...listFields, origin: 'feed', msg: 'List deleted' },
  ],
  'list-expired': [
    { kind: 'list-expired', list, origin: 'rfw' },
    { level: 'info', ...listFields, origin: 'rfw', msg: 'List expired' },
  ],
  recovered: [{ kind: 'recovered' }, { level: 'warn', msg: 'Recovered: the kernel holds the rules again' }],
};

describe('logEvent', () => {
  it.each(Object.keys(rows) as (keyof typeof rows)[])('logs the event %s', (kind) => {
    const [event, entry] = rows[kind];
    const { log, entries } = makeLog();
    logEvent(log, event);
    expect(entries).toEqual([entry]);
  });

  it('names at most twenty rules of a drift, and counts them all', () => {
    const { log, entries } = makeLog();
    logEvent(log, {
      kind: 'drift',
      repair: { missing: Array(1000).fill(rule), moved: 0, removed: 0, guard: 0, lists: 0, rebuilt: false },
      count: 1,
    });
    expect(entries).toMatchObject([{ missing: 1000, rules: Array(20).fill(key) }]);
  });
});
