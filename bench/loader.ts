import type { Backend } from '../src/backends/backend.ts';
import { NftablesBackend } from '../src/backends/nftables/nftables.ts';
import { parsePrefix } from '../src/domain/address.ts';
import type { Rule } from '../src/domain/rule.ts';
import { removal, ruleOf, rulesOnTheWay } from './addresses.ts';
import { tellBench, told } from './process.ts';

// The nftables backend alone, without engine and store: puts rules into an empty kernel and says how long that took.

export interface LoaderTask {
  readonly rules: number;
  /** `nftables.counters`: auto as the daemon has it. */
  readonly counters: 'auto' | 'on' | 'off';
  /** `replace` with objects made beforehand, `replace` with objects made meanwhile, or `apply` with so many at a time. */
  readonly how: 'replace' | 'replace on the way' | number;
}

/** What it may be asked when they are loaded. */
export type LoaderOrder = 'remove some' | 'count packets';

/** Packets that the drop rules of the input chain have met, by the backend's own account. */
export interface Counted {
  readonly packets: number;
}

export interface Loaded {
  readonly milliseconds: number;
}

/** Milliseconds that it took to take out rules which stood. */
export interface Removed {
  readonly milliseconds: number;
}

const noChange = { add: [], remove: [], refresh: [], renew: [] };
/** What every daemon has above its rules. */
const loopback = parsePrefix('127.0.0.0/8');
const protection = {
  guard: { port: 7393, allowed: [loopback] },
  lists: [],
  whitelist: [loopback],
  stale: { rules: [], guards: [] },
};

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function removeSome(backend: Backend, count: number, now: number): Promise<Removed> {
  const remove = Array.from({ length: Math.min(removal, count) }, (_, index) => ruleOf(index, now));
  return { milliseconds: await timed(() => backend.apply({ ...noChange, remove })) };
}

async function countPackets(backend: Backend): Promise<Counted> {
  const totals = await backend.totals();
  const packets = totals.flatMap((total) =>
    total.chain === 'input' && total.action === 'drop' ? [total.packets] : [],
  );
  return { packets: Number(packets.reduce((sum, some) => sum + some, 0n)) };
}

/** As in src/daemon/backend.ts. */
const countedByDefault = 65_536;

async function main({ rules: count, counters, how }: LoaderTask): Promise<void> {
  const backend: Backend = new NftablesBackend({
    counters: counters !== 'off',
    countAtMost: counters === 'auto' ? countedByDefault : Number.POSITIVE_INFINITY,
    rejectTcpWithReset: false,
  });
  await backend.probe();
  const now = Date.now();
  const rules: Iterable<Rule> =
    how === 'replace on the way'
      ? rulesOnTheWay(count, now)
      : Array.from({ length: count }, (_, index) => ruleOf(index, now));
  if (typeof how === 'number') {
    await backend.replace({ rules: [], ...protection });
    const all = [...rules];
    const steps = Array.from({ length: Math.ceil(count / how) }, (_, step) => all.slice(step * how, (step + 1) * how));
    const load = async (): Promise<void> => {
      for (const add of steps) await backend.apply({ ...noChange, add });
    };
    tellBench({ milliseconds: await timed(load) } satisfies Loaded);
  } else {
    tellBench({ milliseconds: await timed(() => backend.replace({ rules, ...protection })) } satisfies Loaded);
  }
  for await (const order of told<LoaderOrder>()) {
    tellBench(order === 'remove some' ? await removeSome(backend, count, now) : await countPackets(backend));
  }
  await backend.teardown({ rules: [], guards: [] });
  backend.close();
}

await main(JSON.parse(process.argv[2] ?? '') as LoaderTask);
process.exit();
