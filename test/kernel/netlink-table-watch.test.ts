import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Compiled } from '../../src/compiled.fixture.ts';
import { Connection } from '../../src/netlink/connection.ts';
import * as nftables from '../../src/netlink/nftables/commands.ts';
import { ElementList } from '../../src/netlink/nftables/elements.ts';
import { TableWatch } from '../../src/netlink/nftables/table-watch.ts';
import { elements, ipv4, nft, nftMeanwhile, t, until } from './netlink.fixture.ts';

const run = promisify(execFile);

let connection: Connection;
let watch: TableWatch;
let calls = 0;

function open(removalsOnly: boolean): void {
  watch = new TableWatch({
    tables: [t],
    isOwn: (portId) => portId === connection.portId,
    removalsOnly,
    disturbed: () => calls++,
  });
  expect(calls).toBe(1);
  calls = 0;
}

beforeEach(() => {
  nft('flush ruleset\nadd table inet t\nadd chain inet t c\nadd table ip t');
  connection = Connection.open();
  calls = 0;
});

afterEach(() => {
  watch.close();
  connection.close();
  nft('flush ruleset');
});

describe('a watch of a table', () => {
  it.each([
    ['a rule that comes', 'add rule inet t c accept'],
    ['a set that comes', 'add set inet t s { type ipv4_addr; }'],
    ['a chain that goes', 'delete chain inet t c'],
    ['the table that goes', 'delete table inet t'],
    ['a flush of everything', 'flush ruleset'],
  ])('tells of %s, within a second', async (_, script) => {
    open(false);
    await nftMeanwhile(script);
    expect(await until(() => calls > 0)).toBeLessThan(1000);
  });

  it.each([
    ['other tables', 'add table inet t2; delete table inet t2'],
    ['a table of the same name in another family', 'delete table ip t'],
  ])('says nothing of %s', async (_, script) => {
    open(false);
    await nftMeanwhile(script);
    await sleep(100);
    expect(calls).toBe(0);
  });

  it('says nothing of what is its own', async () => {
    open(false);
    connection.transact([nftables.addChain(t, 'mine'), nftables.addSet(t, 's', ipv4)]);
    connection.transact([nftables.addElements(t, 's', elements(4, [1], [2]))].flat());
    await sleep(100);
    expect(calls).toBe(0);
  });

  it('of removals alone says nothing of additions, but tells of what is replaced', async () => {
    open(true);
    nft('add rule inet t c accept\nadd set inet t s { type ipv4_addr; }');
    await sleep(100);
    expect(calls).toBe(0);
    nft('flush chain inet t c\nadd rule inet t c drop');
    await until(() => calls > 0);
  });

  it('tells when notifications were lost, whatever they were of', async () => {
    open(false);
    const other = { family: 'inet', name: 'other' } as const;
    const many = new ElementList(4);
    for (let address = 0; address < 150_000; address++) many.add(address);
    connection.transact([nftables.addTable(other), nftables.addSet(other, 's', ipv4)]);
    connection.transact(nftables.addElements(other, 's', many));
    await until(() => calls > 0, 5000);
  });
});

it('a watch that can not be opened tells twice a second that somebody has to look', async () => {
  open(true);
  const compiled = await Compiled.make('netlink/nftables/table-watch');
  onTestFinished(() => compiled.remove());
  const script = `
    const { TableWatch } = await import(${JSON.stringify(compiled.file('netlink/nftables/table-watch'))});
    let calls = 0;
    new TableWatch({ tables: [], isOwn: () => false, removalsOnly: true, disturbed: () => calls++ });
    setTimeout(() => console.log(calls), 1250);`;
  // Without CAP_NET_ADMIN nobody may join the group of notifications.
  const argv = ['--bounding-set=-net_admin', process.execPath, '--input-type=module', '-e', script];
  expect((await run('setpriv', argv)).stdout).toBe('3\n');
});
