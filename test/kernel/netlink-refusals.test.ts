import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { byte, cstring } from '../../src/netlink/codec.ts';
import { Connection } from '../../src/netlink/connection.ts';
import { NetlinkError } from '../../src/netlink/errno.ts';
import type { Message } from '../../src/netlink/message.ts';
import { body } from '../../src/netlink/message.ts';
import * as nftables from '../../src/netlink/nftables/commands.ts';
import { Hook, SetFlag, Verdict } from '../../src/netlink/nftables/constants.ts';
import { ElementList } from '../../src/netlink/nftables/elements.ts';
import { generation } from '../../src/netlink/nftables/objects.ts';
import * as line from '../../src/netlink/nftables/statements.ts';
import { attributes } from '../../src/netlink/wire.ts';
import { elements, ipv4, ipv6, nft, refusalOf, ruleset, t } from './netlink.fixture.ts';

let connection: Connection;

beforeEach(() => {
  connection = Connection.open();
});

afterEach(() => {
  connection.close();
  nft('flush ruleset');
});

describe('refusals', () => {
  it('EEXIST and ENOENT, of the operation in the batch that caused them', () => {
    connection.transact([nftables.addTable(t), nftables.addSet(t, 's', ipv4)]);
    const both = refusalOf(() =>
      connection.transact([
        nftables.addSet(t, 'fine', ipv4),
        nftables.addSet(t, 's', ipv6),
        nftables.deleteSet(t, 'missing'),
        nftables.addSet(t, 'fine too', ipv4),
      ]),
    );
    expect(both).toMatchObject({ code: 'EEXIST', operation: 'add set inet t s', index: 1, attribute: 'name' });
    expect(both.others).toMatchObject([
      { code: 'ENOENT', operation: 'delete set inet t missing', index: 2, attribute: 'name' },
    ]);
    expect(both).toBeInstanceOf(NetlinkError);
  });

  it('the one element of thousands', () => {
    connection.transact([nftables.addTable(t), nftables.addSet(t, 's', ipv4)]);
    connection.transact(nftables.addElements(t, 's', elements(4, [4321])));
    const list = new ElementList(4);
    for (let address = 0; address < 10_000; address++) list.add(address);
    const messages = nftables.createElements(t, 's', list);
    const [first] = Array.from(list.attributes(), (attribute) => attribute.length / 16);
    expect(refusalOf(() => connection.transact(messages))).toMatchObject({
      code: 'EEXIST',
      operation: 'create element inet t s',
      index: 1,
      attribute: `elements[${4321 - (first ?? 0)}]`,
    });
  });

  it('a full set, a name that is too long, overlapping ranges, a circle of jumps, what is missing', () => {
    connection.transact([
      nftables.addTable(t),
      nftables.addSet(t, 'small', { ...ipv4, size: 2 }),
      nftables.addSet(t, 'ranges', { ...ipv4, flags: SetFlag.interval }),
      nftables.addChain(t, 'c'),
      nftables.addChain(t, 'base', { type: 'filter', hook: Hook.input, priority: 0, policy: Verdict.accept }),
    ]);
    const refused = (...messages: readonly Message[]) => refusalOf(() => connection.transact(messages));
    const full = refused(...nftables.addElements(t, 'small', elements(4, [1], [2], [3])));
    expect(full).toMatchObject({ code: 'ENFILE', attribute: 'elements[2]' });
    expect(refused(nftables.addSet(t, 'x'.repeat(256), ipv4))).toMatchObject({ code: 'ERANGE', attribute: 'name' });
    const overlapping = new ElementList(4);
    overlapping.addRange(10, 20);
    overlapping.addRange(15, 25);
    expect(refused(...nftables.addElements(t, 'ranges', overlapping)).code).toMatch(/^(EEXIST|ENOTEMPTY)$/);
    const circle = [nftables.addRule(t, 'c', [line.jump('c')]), nftables.addRule(t, 'base', [line.jump('c')])];
    expect(refused(...circle).code).toMatch(/^E(LOOP|MLINK)$/);
    expect(refused(nftables.addRule(t, 'c', [line.matchSet('missing')]))).toMatchObject({ code: 'ENOENT' });
    expect(refused(nftables.deleteChain(t, 'none'))).toMatchObject({ code: 'ENOENT', attribute: 'name' });
  });

  it('a generation that has passed', () => {
    const [reply] = connection.request(nftables.getGeneration());
    const before = (reply && nftables.read(generation, reply).id) ?? 0;
    connection.transact([nftables.addTable(t)], { generation: before });
    expect(refusalOf(() => connection.transact([nftables.addChain(t, 'c')], { generation: before }))).toMatchObject({
      code: 'ERESTART',
      operation: 'add chain inet t c',
    });
  });

  it('in the words of the kernel, where it has any', () => {
    // nf_tables mostly points at an attribute; the checks of netlink itself come with words.
    const short = attributes({ name: [1, cstring], flags: [2, byte] });
    const wrong = { ...nftables.addTable(t), body: body(short, { name: 't', flags: 0 }) };
    const error = refusalOf(() => connection.transact([wrong]));
    expect(error).toMatchObject({ operation: 'add table inet t', reason: 'Attribute failed policy validation' });
    expect(error.attribute).toBe('flags');
  });

  it('without the right to change anything: EPERM, of the whole batch', () => {
    const nobody = 65_534;
    process.seteuid?.(nobody);
    try {
      // Opened as nobody too: the kernel asks both who opened the socket and who sends.
      const powerless = Connection.open();
      const batch = [nftables.addTable(t), nftables.addChain(t, 'c')];
      expect(refusalOf(() => powerless.transact(batch))).toMatchObject({ code: 'EPERM', operation: 'batch of 2' });
      powerless.close();
    } finally {
      process.seteuid?.(0);
    }
    expect(refusalOf(() => connection.request(nftables.getTable(t))).code).toBe('ENOENT');
  });

  it('of hundreds at once, more than the receive buffer takes', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => nftables.deleteSet(t, `missing${index}`));
    const error = refusalOf(() => connection.transact(many));
    expect(error).toMatchObject({ code: 'ENOENT', index: 0 });
    connection.transact([nftables.addTable(t)]);
  });

  it('a batch larger than the send buffer started with', () => {
    connection.transact([nftables.addTable(t), nftables.addSet(t, 's', ipv4)]);
    const list = new ElementList(4);
    for (let address = 0; address < 300_000; address++) list.add(address);
    connection.transact(nftables.addElements(t, 's', list));
    const [last] = nftables.getElements(t, 's', elements(4, [299_999]));
    expect(last && connection.request(last)).toHaveLength(1);
  });
});

it('says EBADF once it is closed, and touches no other file', () => {
  const closed = Connection.open();
  closed.close();
  closed.close();
  expect(refusalOf(() => closed.transact([nftables.addTable(t)]))).toMatchObject({ code: 'EBADF' });
  expect(refusalOf(() => closed.request(nftables.getTable(t)))).toMatchObject({ code: 'EBADF' });
});

it('a batch takes effect as a whole or not at all', () => {
  connection.transact([nftables.addTable(t), nftables.addSet(t, 's', ipv4)]);
  const before = ruleset();
  const bad = [
    ...nftables.addElements(t, 's', elements(4, [1], [2])),
    nftables.addChain(t, 'c'),
    nftables.addRule(t, 'c', [line.drop()]),
    nftables.deleteSet(t, 'missing'),
  ];
  expect(() => connection.transact(bad)).toThrow('delete set inet t missing');
  expect(ruleset()).toEqual(before);
  connection.transact(bad.slice(0, -1));
  expect(ruleset()).not.toEqual(before);
});
