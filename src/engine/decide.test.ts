import { beforeEach, describe, expect, it } from 'vitest';
import { latestInstant } from '../domain/duration.ts';
import { RfwError } from '../domain/errors.ts';
import { decide, isOver, type Outcome, type RuleCommand } from './decide.ts';
import { Draft } from './draft.ts';
import { rule, spec, whitelist } from './rules.fixture.ts';
import { RuleSet } from './ruleset.ts';

const now = 1_000_000;
const permanent = rule(1, '10.0.0.1');
const lasting = rule(2, '10.0.0.2', now + 60_000);
const over = rule(3, '10.0.0.3', now);

let draft: Draft;
let seq: number;

beforeEach(() => {
  draft = new Draft(new RuleSet([permanent, lasting, over]));
  seq = 3;
});

const decided = (command: RuleCommand): Outcome =>
  decide(draft, command, { now, whitelist: whitelist('192.0.2.0/24', '2001:db8::1'), nextSeq: () => ++seq });

const put = (text: string, expire: number): Outcome =>
  decided({ kind: 'put', spec: spec(text), expire, origin: 'somebody' });
const remove = (text: string): Outcome => decided({ kind: 'delete', spec: spec(text), origin: 'somebody' });
const expire = (text: string): Outcome => decided({ kind: 'expire', rule: rule(9, text) });

const changed = (): string =>
  draft
    .mutations()
    .map((m) => `${m.kind} ${m.rule.seq} ${m.rule.expiresAt}`)
    .join(', ');

describe('decide put', () => {
  it.each([
    ['a new rule for ever', '10.0.0.9', 0, 'created', 4, null, 'insert 4 null'],
    ['a new rule for a while', '10.0.0.9', 600, 'created', 4, now + 600_000, `insert 4 ${now + 600_000}`],
    ['a permanent rule again', '10.0.0.1', 0, 'exists', 1, null, ''],
    ['a permanent rule for a while', '10.0.0.1', 5, 'updated', 1, now + 5000, `update 1 ${now + 5000}`],
    ['a temporary rule to the same instant', '10.0.0.2', 60, 'exists', 2, now + 60_000, ''],
    ['a temporary rule for longer', '10.0.0.2', 90, 'updated', 2, now + 90_000, `update 2 ${now + 90_000}`],
    ['a temporary rule for less', '10.0.0.2', 1, 'updated', 2, now + 1000, `update 2 ${now + 1000}`],
    ['a temporary rule for ever', '10.0.0.2', 0, 'updated', 2, null, 'update 2 null'],
    ['a rule whose time is up', '10.0.0.3', 0, 'created', 4, null, `delete 3 ${now}, insert 4 null`],
    ['the same tuple in another spelling', '10.0.0.1/32', 0, 'exists', 1, null, ''],
    [
      'another tuple with the same address',
      'reject input any any 10.0.0.1 any',
      0,
      'created',
      4,
      null,
      'insert 4 null',
    ],
  ])('%s', (_, text, seconds, status, place, expiresAt, mutations) => {
    expect(put(text, seconds)).toMatchObject({ status, rule: { seq: place, expiresAt } });
    expect(changed()).toBe(mutations);
  });

  it('writes down when, by whom and for how long a rule was put', () => {
    expect(put('10.0.0.9', 600)).toEqual({
      status: 'created',
      rule: { ...spec('10.0.0.9'), seq: 4, expiresAt: now + 600_000, createdAt: now, origin: 'somebody', comment: '' },
    });
  });

  it('keeps when and by whom a rule was put first', () => {
    expect(put('10.0.0.1', 5)).toMatchObject({ rule: { createdAt: permanent.createdAt, origin: 'test' } });
  });

  it('has the kernel asked for a rule that stands, and not for one that is new', () => {
    put('10.0.0.1', 0);
    put('10.0.0.2', 9);
    put('10.0.0.3', 0);
    const { refresh, renew } = draft.change();
    expect([refresh, renew].map((rules) => rules.map(({ seq }) => seq))).toEqual([[1], [2]]);
  });

  it('lets no rule outlast the last instant', () => {
    expect(put('10.0.0.9', 86_400 * 999_999_999)).toMatchObject({ rule: { expiresAt: latestInstant } });
  });

  it('uses up a place in the order only for what is new', () => {
    put('10.0.0.1', 0);
    put('10.0.0.2', 5);
    expect(seq).toBe(3);
  });
});

describe('decide delete', () => {
  it('takes out what stands', () => {
    expect(remove('10.0.0.1')).toEqual({ status: 'deleted', rule: permanent });
    expect(changed()).toBe('delete 1 null');
  });

  it('says that there is nothing to take out', () => {
    expect(remove('10.0.0.9')).toEqual({ status: 'absent', spec: spec('10.0.0.9') });
    expect(changed()).toBe('');
  });

  it('undoes a put of the same batch', () => {
    put('10.0.0.9', 0);
    expect(remove('10.0.0.9').status).toBe('deleted');
    expect(changed()).toBe('');
  });

  it('and then a put puts the rule on top', () => {
    remove('10.0.0.1');
    expect(put('10.0.0.1', 0).status).toBe('created');
    expect(changed()).toBe('delete 1 null, insert 4 null');
  });
});

describe('decide, against the whitelist', () => {
  it.each([
    'drop input any any 192.0.2.7 any',
    'accept input any any 192.0.0.0/16 any',
    'reject output any any any 192.0.2.0/25',
    'drop forward any any 10.0.0.1 192.0.2.7',
    'drop input any any 2001:db8::/64 any',
  ])('refuses to put or delete %s', (text) => {
    for (const command of [() => put(text, 0), () => remove(text)]) {
      expect(command).toThrow(
        new RfwError('whitelist-conflict', 'Ignoring the request conflicting with the whitelist'),
      );
    }
    expect(changed()).toBe('');
    expect(seq).toBe(3);
  });
});

describe('decide on what IPv6 can not do without', () => {
  const put = (text: string): Outcome => decided({ kind: 'put', spec: spec(text), expire: 0, origin: 'somebody' });

  it.each([
    ['drop input any any fe80::/16 any', 'fe80::/10'],
    ['drop input any any fe80::1 any', 'fe80::/10'],
    ['reject output any any any ff02::/16', 'ff00::/8'],
  ])('refuses %s', (text, lifeline) => {
    expect(() => put(text)).toThrow(`Ignoring the request: it touches ${lifeline}, without which IPv6 can't reach`);
  });

  it('takes a rule beside it', () => {
    expect(put('drop input any any fc00::/16 any').status).toBe('created');
  });
});

describe('decide expire', () => {
  it('takes out rules whose time is up, and only those', () => {
    const outcomes = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.9'].map(expire);
    expect(outcomes.map(({ status }) => status)).toEqual(['not-due', 'not-due', 'expired', 'not-due']);
    expect(outcomes[2]).toEqual({ status: 'expired', rule: over });
    expect(changed()).toBe(`delete 3 ${now}`);
  });

  it('leaves a rule that was put again meanwhile', () => {
    put('10.0.0.3', 60);
    expect(expire('10.0.0.3').status).toBe('not-due');
  });

  it('expires a rule once that has left two entries in the queue of expiries', () => {
    expect(['10.0.0.3', '10.0.0.3'].map(expire).map(({ status }) => status)).toEqual(['expired', 'not-due']);
    expect(changed()).toBe(`delete 3 ${now}`);
  });
});

describe('isOver', () => {
  it.each([
    [null, false],
    [now + 1, false],
    [now, true],
    [now - 1, true],
  ])('of a rule that expires at %s is %s', (expiresAt, is) => {
    expect(isOver(rule(1, '10.0.0.1', expiresAt), now)).toBe(is);
  });
});
