import type { ClientResult } from './client.ts';
import { type Contender, daemonContender, measurePuts, serverContender } from './contender.ts';
import type { Bench, Context } from './context.ts';
import { amount, describe, seriesOf, times } from './finding.ts';
import { settle } from './process.ts';
import { interleaved, median } from './statistics.ts';

type Maker = (context: Context) => Contender;

const noop: Maker = (context) => serverContender(context, { kind: 'nothing' });
const rfw: Maker = (context) => daemonContender(context, context.backend);
const storeOff: Maker = (context) =>
  serverContender(context, { kind: 'engine', store: 'memory', backend: context.backend });
const iptables: Maker = (context) => daemonContender(context, 'iptables');

/** Measures each of the contenders in turn, a new one each time, over so many connections. */
function compare<Name extends string>(
  context: Context,
  connections: number,
  makers: Readonly<Record<Name, Maker>>,
): Promise<Record<Name, ClientResult[]>> {
  const work = Object.entries<Maker>(makers).map(([name, make]) => [
    name,
    async () => {
      await settle();
      const result = await measurePuts(context, make(context), { connections, first: 1, seconds: context.seconds });
      const rate = amount(result.requests / result.seconds, 'requests/s');
      context.say(
        `put over ${connections}: ${name}: ${rate}, p50 ${amount(result.p50, 'ms')}, p99 ${amount(result.p99, 'ms')}`,
      );
      return result;
    },
  ]);
  return interleaved(context.repetitions, Object.fromEntries(work) as Record<Name, () => Promise<ClientResult>>);
}

/** The rates and the times, as the client saw them. */
function allSeries(samples: Readonly<Record<string, readonly ClientResult[]>>) {
  const rates = seriesOf('requests/s', samples, ({ requests, seconds }) => requests / seconds);
  const p50 = seriesOf('ms', samples, (sample) => sample.p50, ' p50');
  const p99 = seriesOf('ms', samples, (sample) => sample.p99, ' p99');
  const most = seriesOf('ms', samples, (sample) => sample.most, ' max');
  return { rates, p50, p99, series: [...rates, ...p50, ...p99, ...most] };
}

/** Single PUTs over 32 connections, enforced and on disk when answered. */
export const put: Bench = async (context) => {
  const makers = { rfw, 'no-op': noop, 'store off': storeOff, iptables };
  const { rates, p50, p99, series } = allSeries(await compare(context, 32, makers));
  const rate = (index: number): number => median(rates[index]?.values ?? []);
  const share = rate(0) / rate(1);
  const time = (of: typeof p50): string => amount(median(of[0]?.values ?? []), 'ms');
  return {
    series,
    rows: [
      {
        work: 'single PUT, HTTPS, 32 connections',
        result: `${amount(rate(0), 'requests/s')}, ${times(share)} no-op; p50 ${time(p50)}, p99 ${time(p99)}`,
        target: 'at least 0.40 × no-op (stretch 0.60)',
        met: share >= 0.4,
        beside: rates.slice(1).map(describe).join(', '),
      },
    ],
  };
};

/** The same over one connection: how long one caller waits. */
export const latency: Bench = async (context) => {
  const { p50, p99, series } = allSeries(await compare(context, 1, { rfw, 'no-op': noop }));
  const of = (all: typeof p50, index: number): number => median(all[index]?.values ?? []);
  return {
    series,
    rows: [
      {
        work: 'single PUT, HTTPS, 1 connection',
        result: `p50 ${amount(of(p50, 0), 'ms')}, p99 ${amount(of(p99, 0), 'ms')}`,
        target: 'p50 under 0.8 ms, p99 under 5 ms',
        met: of(p50, 0) < 0.8 && of(p99, 0) < 5,
        beside: `no-op p50 ${amount(of(p50, 1), 'ms')}, p99 ${amount(of(p99, 1), 'ms')}`,
      },
    ],
  };
};
