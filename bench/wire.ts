import { Connection } from '../src/netlink/connection.ts';
import { addElements, addSet, addTable } from '../src/netlink/nftables/commands.ts';
import { KeyType, SetFlag } from '../src/netlink/nftables/constants.ts';
import { ElementList } from '../src/netlink/nftables/elements.ts';
import { addressOf } from './addresses.ts';
import { tellBench } from './process.ts';

// What load.c does, over rfw's netlink client: the part of the way into the kernel that isn't the backend's.

export interface WireTask {
  readonly elements: number;
  readonly batch: number;
}

export interface WireResult {
  readonly milliseconds: number;
  /** Milliseconds, of all batches. */
  readonly encoding: number;
  /** Milliseconds, of the longest batch: for so long nothing else is answered. */
  readonly longest: number;
}

const table = { family: 'inet', name: 'wire' } as const;
const hour = 3_600_000;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function load({ elements, batch }: WireTask): Promise<WireResult> {
  const connection = Connection.open();
  const spec = { keyType: KeyType.ipv4, keyLength: 4, flags: SetFlag.timeout };
  connection.transact([addTable(table), addSet(table, 'hosts', spec)]);
  const list = new ElementList(4, batch);
  const start = performance.now();
  let encoding = 0;
  let longest = 0;
  for (let index = 0; index < elements; ) {
    const began = performance.now();
    list.clear();
    for (const end = Math.min(elements, index + batch); index < end; index++) list.add(addressOf(index), hour);
    const messages = addElements(table, 'hosts', list);
    encoding += performance.now() - began;
    connection.transact(messages);
    longest = Math.max(longest, performance.now() - began);
    await nextTurn();
  }
  const milliseconds = performance.now() - start;
  connection.close();
  return { milliseconds, encoding, longest };
}

tellBench(await load(JSON.parse(process.argv[2] ?? '') as WireTask));
