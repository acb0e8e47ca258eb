import { setTimeout as sleep } from 'node:timers/promises';
import { hostOf } from './addresses.ts';
import { type Bench, type Context, check } from './context.ts';
import { Daemon } from './daemon.ts';
import { amount, describe, type Findings, type Series } from './finding.ts';
import { checkHosts, clearFirewall, hostsIn } from './kernel.ts';
import { settle } from './process.ts';
import { seededState } from './seed.ts';
import { median } from './statistics.ts';

/** What was before a start. */
const circumstances = ['table removed', 'after SIGTERM', 'after SIGKILL'] as const;

/** Milliseconds after a start until its memory is looked at. */
const calm = 2000;

interface Start {
  /** From exec until a PUT and a GET were answered with 200. */
  readonly milliseconds: number;
  /** MB. */
  readonly memory: { readonly now: number; readonly most: number };
}

/** Watches that the kernel never holds less than it should, until it is told to stop. */
function watch(rules: number): () => Promise<void> {
  let over = false;
  const watching = (async () => {
    while (!over) {
      const held = await hostsIn('rfw');
      check(held >= rules, `only ${held} of ${rules} rules were enforced while the daemon started`);
      await sleep(20);
    }
  })();
  watching.catch(() => undefined);
  return async () => {
    over = true;
    await watching;
  };
}

async function start(context: Context, daemon: Daemon, rules: number, persisted: boolean): Promise<Start> {
  const { backend } = context;
  await settle();
  const done = persisted && backend === 'nftables' ? watch(rules) : undefined;
  const path = `/drop/input/any/${hostOf(rules)}?expire=1d`;
  const putMilliseconds = await daemon.start({ method: 'PUT', path });
  const began = performance.now();
  const { status } = await daemon.ask('GET', '/');
  const milliseconds = putMilliseconds + performance.now() - began;
  check(status === 200, `GET was answered ${status}`);
  if (backend === 'nftables') await checkHosts('rfw', rules);
  const said = await daemon.rules();
  check(said === rules + 1, `the daemon has ${said} rules, not ${rules + 1}`);
  await done?.();
  await sleep(calm);
  return { milliseconds, memory: daemon.memory() };
}

/** From exec to enforced and answering with a million rules in the store, and the memory that the daemon then has. */
export const restart: Bench = async (context) => {
  const starts: Record<(typeof circumstances)[number], Start[]> = {
    'table removed': [],
    'after SIGTERM': [],
    'after SIGKILL': [],
  };
  for (let repetition = 0; repetition < context.repetitions; repetition++) {
    const daemon = new Daemon(context.installation, context.backend, await seededState(context));
    // Each start puts a rule, so that the next one finds one more.
    for (const [index, name] of circumstances.entries()) {
      const one = await start(context, daemon, context.million + index, index > 0);
      starts[name].push(one);
      context.say(`restart, ${name}: ${amount(one.milliseconds, 'ms')}, ${amount(one.memory.now, 'MB')}`);
      await daemon.stop(name === 'after SIGTERM' ? 'SIGKILL' : 'SIGTERM');
    }
    await clearFirewall();
  }
  return findings(context, starts);
};

function findings({ million }: Context, starts: Readonly<Record<string, readonly Start[]>>): Findings {
  const pick = (name: string, unit: Series['unit'], value: (start: Start) => number, suffix = ''): Series => ({
    name: `${name}${suffix}`,
    unit,
    values: (starts[name] ?? []).map(value),
  });
  const times = circumstances.map((name) => pick(name, 'ms', ({ milliseconds }) => milliseconds));
  const memory = circumstances.map((name) => pick(name, 'MB', ({ memory }) => memory.now, ' VmRSS'));
  const most = circumstances.map((name) => pick(name, 'MB', ({ memory }) => memory.most, ' VmHWM'));
  const largest = Math.max(...memory.map(({ values }) => median(values)));
  return {
    series: [...times, ...memory, ...most],
    rows: [
      ...times.map(({ name, values }, index) => ({
        work: `restart with ${million} rules, ${name}`,
        result: amount(median(values), 'ms'),
        target: index === 0 ? 'under 6 s' : 'under 1 s',
        met: median(values) < (index === 0 ? 6000 : 1000),
        beside: '',
      })),
      {
        work: `memory with ${million} rules after a restart`,
        result: amount(largest, 'MB'),
        target: 'under 450 MB',
        met: largest < 450,
        beside: [...memory, ...most].map(describe).join(', '),
      },
    ],
  };
}
