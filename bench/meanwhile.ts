import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientResult } from './client.ts';
import { client } from './contender.ts';
import { type Bench, type Context, check } from './context.ts';
import { amount, describe, seriesOf } from './finding.ts';
import { checkHosts, clearFirewall } from './kernel.ts';
import { moduleCommand, Partner, settle } from './process.ts';
import type { LoadOrder, LoadReport, ServerTask } from './server.ts';
import { median } from './statistics.ts';

/** Milliseconds in which the server's code is compiled, by puts alone. */
const warmUp = 4000;

interface Sample {
  readonly load: LoadReport;
  readonly puts: ClientResult;
}

async function measure(context: Context): Promise<Sample> {
  const { installation, backend, million } = context;
  await settle();
  const config = installation.configure(installation.fresh('state'), []);
  const behind = { kind: 'engine', store: 'sqlite', backend } as const;
  const server = new Partner(moduleCommand('server', { config, behind } satisfies ServerTask));
  await server.next();
  // Addresses that the load hasn't.
  const putting = client(context, { connections: 1, first: million, seconds: null });
  await putting.next();
  await sleep(warmUp);
  putting.tell({});
  server.tell({ load: million } satisfies LoadOrder);
  const load = await server.next<LoadReport>();
  putting.tell({});
  const puts = await putting.next<ClientResult>();
  await putting.end();
  check(load.rules >= million, `the engine has ${load.rules} rules`);
  if (backend === 'nftables') await checkHosts('rfw', million);
  await server.end();
  await clearFirewall();
  context.say(
    `load through the engine: ${amount(load.milliseconds, 'ms')}, ${amount(load.memory.now, 'MB')}; ` +
      `puts meanwhile: ${puts.requests}, p99 ${amount(puts.p99, 'ms')}, at most ${amount(puts.most, 'ms')}`,
  );
  return { load, puts };
}

/** Single PUTs while a million rules go through engine, kernel and disk, and the memory that they take. */
export const meanwhile: Bench = async (context) => {
  const samples: Sample[] = [];
  for (let repetition = 0; repetition < context.repetitions; repetition++) samples.push(await measure(context));
  const load = seriesOf('ms', { load: samples }, (sample) => sample.load.milliseconds);
  const p50 = seriesOf('ms', { puts: samples }, ({ puts }) => puts.p50, ' p50');
  const p99 = seriesOf('ms', { puts: samples }, ({ puts }) => puts.p99, ' p99');
  const most = seriesOf('ms', { puts: samples }, ({ puts }) => puts.most, ' max');
  const memory = seriesOf('MB', { memory: samples }, (sample) => sample.load.memory.now, ' VmRSS');
  const highest = seriesOf('MB', { memory: samples }, (sample) => sample.load.memory.most, ' VmHWM');
  const middle = (series: typeof load): number => median(series[0]?.values ?? []);
  return {
    series: [...load, ...p50, ...p99, ...most, ...memory, ...highest],
    rows: [
      {
        work: `single PUT while ${context.million} rules load`,
        result: `p99 ${amount(middle(p99), 'ms')}`,
        target: 'p99 under 50 ms',
        met: middle(p99) < 50,
        beside: [...p50, ...most, ...load].map(describe).join(', '),
      },
      {
        work: `memory with ${context.million} rules, just loaded`,
        result: amount(middle(memory), 'MB'),
        target: 'under 450 MB',
        met: middle(memory) < 450,
        beside: highest.map(describe).join(', '),
      },
    ],
  };
};
