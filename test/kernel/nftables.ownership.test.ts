import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NftablesBackend } from '../../src/backends/nftables/nftables.ts';
import { ownership, rfwTable } from '../../src/backends/nftables/table.ts';
import { readTable } from '../../src/backends/nftables/table-state.ts';
import { change, desired } from '../../src/backends/rule.fixture.ts';
import { Connection } from '../../src/netlink/connection.ts';
import * as commands from '../../src/netlink/nftables/commands.ts';
import { TableFlag } from '../../src/netlink/nftables/constants.ts';
import { execute } from './iptables.fixture.ts';
import { datagrams } from './loopback.fixture.ts';
import { nft, refusalOf, ruleset } from './netlink.fixture.ts';
import { clearTables, closeAll, heldRules, made, meddling, probed } from './nftables.fixture.ts';

const drop = 'drop input any any 127.0.0.2/32 any';
const other = 'drop input any any 127.0.0.3/32 any';

let backend: NftablesBackend;

/** The flags of the table. That of persistence is unknown to many an nft. */
function flags(): number | undefined {
  const connection = Connection.open();
  try {
    return readTable(connection)?.flags;
  } finally {
    connection.close();
  }
}

beforeEach(async () => {
  closeAll();
  clearTables();
  backend = await probed();
});

afterEach(() => {
  closeAll();
  clearTables();
});

describe('while a backend has the table', () => {
  beforeEach(async () => {
    await backend.replace(desired({ rules: [drop] }));
  });

  it('the kernel names its owner, and will keep it beyond it', () => {
    expect(execute('nft', ['list', 'table', 'inet', 'rfw'])).toMatch(/^table inet rfw \{ # progname \S+/);
    expect(flags()).toBe(ownership);
  });

  it('no other connection can change anything in it', () => {
    const connection = Connection.open();
    try {
      const attempts = [
        commands.addRule(rfwTable, 'input', []),
        commands.flushChain(rfwTable, 'input'),
        commands.addSet(rfwTable, 'mine', { keyType: 7, keyLength: 4 }),
        commands.deleteTable(rfwTable),
        commands.addTable(rfwTable, ownership),
      ];
      const codes = attempts.map((message) => refusalOf(() => connection.transact([message])).code);
      expect(codes).toEqual(Array(5).fill('EPERM'));
    } finally {
      connection.close();
    }
  });

  it.each([
    'flush table inet rfw',
    'delete table inet rfw',
    'flush chain inet rfw input',
    'insert rule inet rfw input accept',
  ])('nft can not %s', (command) => {
    const before = ruleset();
    expect(() => nft(command)).toThrow('Operation not permitted');
    expect(ruleset()).toEqual(before);
  });

  it('nft flush ruleset takes all tables but this', async () => {
    nft('add table inet another');
    nft('flush ruleset');
    expect(execute('nft', ['list', 'tables'])).toBe('table inet rfw\n');
    expect(heldRules().keys).toEqual([drop]);
    expect(await backend.intact(desired({ rules: [drop] }))).toBe(true);
    await backend.apply(change({ add: [other] }));
    expect(heldRules().keys.toSorted()).toEqual([drop, other]);
  });

  it('another backend is refused, told what to do, and changes nothing', async () => {
    const before = ruleset();
    const second = await probed();
    for (const attempt of [() => second.replace(desired({ rules: [other] })), () => second.teardown()]) {
      await expect(attempt()).rejects.toMatchObject({
        name: 'RfwError',
        code: 'state-in-use',
        message: expect.stringMatching(/another program, end it first: nft list table inet rfw names it$/),
      });
    }
    expect(ruleset()).toEqual(before);
    await backend.apply(change({ remove: [drop] }));
    backend.close();
    await second.replace(desired({ rules: [other] }));
    expect(heldRules().keys).toEqual([other]);
  });
});

describe('when the backend is closed', () => {
  beforeEach(async () => {
    await backend.replace(desired({ rules: [drop] }));
    backend.close();
  });

  it('the table stands, and drops as before', async () => {
    expect(heldRules().keys).toEqual([drop]);
    expect(await datagrams('127.0.0.2', '127.0.0.1')).toBe('silence');
    expect(await datagrams('127.0.0.3', '127.0.0.1')).toBe('pass');
  });

  it('the next one claims it and goes on', async () => {
    const next = await probed();
    await next.replace(desired({ rules: [drop, other] }));
    expect(flags()).toBe(ownership);
    expect(() => nft('flush chain inet rfw input')).toThrow('Operation not permitted');
    expect(await datagrams('127.0.0.3', '127.0.0.1')).toBe('silence');
  });

  it('others may change the table, and the next one undoes all that they did', async () => {
    nft(meddling);
    const next = await probed();
    await next.replace(desired({ rules: [drop, other], whitelist: ['192.0.2.0/24'] }));
    expect(heldRules().keys.toSorted()).toEqual([drop, other]);
    expect(execute('nft', ['list', 'table', 'inet', 'rfw'])).not.toMatch(/mine|targets|127\.0\.0\.8/);
    await next.replace(desired({ rules: [other] }));
    expect(heldRules().keys).toEqual([other]);
  });

  it('nothing can be asked of it any more', async () => {
    const attempts = [
      () => backend.apply(change({ add: [other] })),
      () => backend.replace(desired({})),
      () => backend.totals(),
    ];
    for (const attempt of attempts) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'kernel-unavailable',
        message: 'nf_tables has not been probed',
      });
    }
    await expect(made().apply(change({}))).rejects.toMatchObject({ code: 'kernel-unavailable' });
  });
});

it('a table of that name that somebody else has made is replaced, content and all, together with all rules', async () => {
  nft(`table inet rfw {
    map targets { type ipv4_addr : verdict; elements = { 127.0.0.9 : jump mine }; }
    set input_drop_ip4_hosts_7 { type ipv4_addr; elements = { 127.0.0.8 }; }
    chain mine { drop; }
    chain input { type filter hook input priority 0; ip saddr vmap @targets; ip saddr { 127.0.0.2, 127.0.0.8 } drop; }
  }
  table inet another { chain input { type filter hook input priority 0; }; }`);
  await backend.replace(desired({ rules: [drop], whitelist: ['192.0.2.0/24'] }));
  expect(heldRules().keys).toEqual([drop]);
  expect(flags()).toBe(ownership);
  const text = execute('nft', ['list', 'ruleset']);
  expect(text).not.toMatch(/mine|targets|127\.0\.0\.8/);
  expect(text).toContain('table inet another');
  await backend.apply(change({ add: [other], remove: [drop] }));
  expect(heldRules().keys).toEqual([other]);
});

it('a table that another program owns is left alone', async () => {
  const owner = Connection.open();
  try {
    owner.transact([commands.addTable(rfwTable, TableFlag.owner)]);
    await expect(backend.replace(desired({ rules: [drop] }))).rejects.toMatchObject({ code: 'state-in-use' });
    expect(execute('nft', ['list', 'ruleset'])).not.toContain('chain');
  } finally {
    owner.close();
  }
});

it('an owned table that an earlier run left is replaced where tables can not be owned, and the other way round', async () => {
  await backend.replace(desired({ rules: [drop] }));
  backend.close();
  const older = await probed({ without: { owner: true } });
  await older.replace(desired({ rules: [drop, other] }));
  expect(flags()).toBe(0);
  expect(heldRules().keys.toSorted()).toEqual([drop, other]);
  older.close();
  const newer = await probed();
  await newer.replace(desired({ rules: [other] }));
  expect(flags()).toBe(ownership);
  expect(heldRules().keys).toEqual([other]);
});
