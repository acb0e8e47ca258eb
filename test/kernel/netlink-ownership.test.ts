import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Connection } from '../../src/netlink/connection.ts';
import * as nftables from '../../src/netlink/nftables/commands.ts';
import { TableFlag } from '../../src/netlink/nftables/constants.ts';
import { table } from '../../src/netlink/nftables/objects.ts';
import { nft, refusalOf, t } from './netlink.fixture.ts';

let connection: Connection;

beforeEach(() => {
  connection = Connection.open();
});

afterEach(() => {
  connection.close();
  nft('flush ruleset');
});

describe('an owned table', () => {
  const owned = TableFlag.owner | TableFlag.persist;

  it('is for nobody else to change, nor to flush', () => {
    connection.transact([nftables.addTable(t, owned), nftables.addChain(t, 'c')]);
    const other = Connection.open();
    for (const message of [nftables.addChain(t, 'd'), nftables.deleteChain(t, 'c'), nftables.deleteTable(t)]) {
      expect(refusalOf(() => other.transact([message]))).toMatchObject({ code: 'EPERM', operation: message.operation });
    }
    expect(() => nft('delete table inet t')).toThrow('Operation not permitted');
    nft('flush ruleset');
    const [reply] = other.request(nftables.getTable(t));
    expect(reply && nftables.read(table, reply)).toMatchObject({ flags: owned, owner: connection.portId });
    other.close();
    connection.transact([nftables.deleteTable(t)]);
  });

  it('outlives its owner, and belongs to the next who claims it', () => {
    connection.transact([nftables.addTable(t, owned), nftables.addChain(t, 'c')]);
    connection.close();
    const next = Connection.open();
    const [orphan] = next.request(nftables.getTable(t));
    expect(orphan && nftables.read(table, orphan).owner).toBeUndefined();
    next.transact([nftables.addTable(t, owned), nftables.addChain(t, 'd')]);
    const [reply] = next.request(nftables.getTable(t));
    expect(reply && nftables.read(table, reply).owner).toBe(next.portId);
    expect(() => nft('add chain inet t e')).toThrow('Operation not permitted');
    next.transact([nftables.deleteTable(t)]);
    next.close();
  });

  it('goes with its owner when it does not persist', () => {
    connection.transact([nftables.addTable(t, TableFlag.owner)]);
    connection.close();
    const next = Connection.open();
    expect(refusalOf(() => next.request(nftables.getTable(t)))).toMatchObject({ code: 'ENOENT', attribute: 'name' });
    next.close();
  });
});
