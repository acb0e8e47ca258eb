import { daemonContender, measurePuts } from './contender.ts';
import type { Bench } from './context.ts';
import { amount, describe, seriesOf, times } from './finding.ts';
import { settle } from './process.ts';
import { seededState } from './seed.ts';
import { interleaved, median } from './statistics.ts';

/** Single PUTs while a million rules stand, and on an empty table. */
export const standing: Bench = async (context) => {
  const { million, backend, seconds } = context;
  const measure = (name: string, rules: number) => async () => {
    await settle();
    const contender = daemonContender(context, backend, rules === 0 ? undefined : await seededState(context));
    const result = await measurePuts(context, contender, { connections: 32, first: million, seconds }, rules);
    context.say(`put while ${name}: ${amount(result.requests / result.seconds, 'requests/s')}`);
    return result;
  };
  const names = { full: `${million} rules stand`, empty: 'nothing stands' };
  const samples = await interleaved(context.repetitions, {
    [names.full]: measure(names.full, million),
    [names.empty]: measure(names.empty, 0),
  });
  const rates = seriesOf('requests/s', samples, (sample) => sample.requests / sample.seconds);
  const of = (name: string) => rates.find((one) => one.name === name) ?? { name, unit: 'requests/s', values: [] };
  const ratio = median(of(names.full).values) / median(of(names.empty).values);
  return {
    series: [...rates, ...seriesOf('ms', samples, ({ p99 }) => p99, ' p99')],
    rows: [
      {
        work: `single PUT, 32 connections, while ${names.full}`,
        result: `${amount(median(of(names.full).values), 'requests/s')}, ${times(ratio)} that of an empty table`,
        target: 'at least 0.90 ×',
        met: ratio >= 0.9,
        beside: describe(of(names.empty)),
      },
    ],
  };
};
