import { Connection } from '../src/netlink/connection.ts';
import { addElements, addSet, addTable } from '../src/netlink/nftables/commands.ts';
import { KeyType, SetFlag } from '../src/netlink/nftables/constants.ts';
import { ElementList } from '../src/netlink/nftables/elements.ts';

// Loads IPv4 addresses with timeouts into a hash set, in batches with a turn of the event loop between them.
// It changes nf_tables, so it belongs into a network namespace of its own:
//   npx tsc --noEmit false --rootDir . --outDir dist/bench
//   unshare --net node dist/bench/bench/netlink.js [elements] [elements in a batch]

const elements = Number(process.argv[2] ?? 1_000_000);
const batchLength = Number(process.argv[3] ?? 10_000);
const hour = 3_600_000;
const repetitions = 5;

interface Run {
  /** Milliseconds, of all. */
  readonly total: number;
  readonly encoding: number;
  /** Milliseconds, of the longest batch: for so long nothing else is answered. */
  readonly longest: number;
}

/** Spreads numbers over all addresses, and none twice: the multiplier is odd. */
const addressOf = (index: number): number => Math.imul(index, 0x9e3779b1) >>> 0;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function load(connection: Connection, set: string): Promise<Run> {
  const table = { family: 'inet', name: 'bench' } as const;
  connection.transact([
    addTable(table),
    addSet(table, set, { keyType: KeyType.ipv4, keyLength: 4, flags: SetFlag.timeout }),
  ]);
  const list = new ElementList(4, batchLength);
  const start = performance.now();
  let encoding = 0;
  let longest = 0;
  for (let index = 0; index < elements; ) {
    const began = performance.now();
    list.clear();
    for (const end = Math.min(elements, index + batchLength); index < end; index++) list.add(addressOf(index), hour);
    const messages = addElements(table, set, list);
    encoding += performance.now() - began;
    connection.transact(messages);
    longest = Math.max(longest, performance.now() - began);
    await nextTurn();
  }
  return { total: performance.now() - start, encoding, longest };
}

const median = (values: readonly number[]): string => {
  const middle = values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
  return middle.toFixed(1);
};

const runs: Run[] = [];
for (let repetition = 0; repetition < repetitions; repetition++) {
  // A connection of its own, and a set of its own: the sets before it stand, as they would.
  const connection = Connection.open();
  runs.push(await load(connection, `load${repetition}`));
  connection.close();
}
process.stdout.write(
  `${elements} elements in batches of ${batchLength}, medians of ${repetitions}: ` +
    `${median(runs.map((run) => run.total))} ms in all, of it ${median(runs.map((run) => run.encoding))} ms to encode, ` +
    `${median(runs.map((run) => run.longest))} ms for the longest batch\n`,
);
