import { setTimeout as sleep } from 'node:timers/promises';
import { loadWithC, loadWithRfw } from './bulk.ts';
import type { ClientResult } from './client.ts';
import { client, daemonContender } from './contender.ts';
import { type Bench, type Context, check } from './context.ts';
import { amount, describe, seriesOf, times } from './finding.ts';
import { address, port } from './installation.ts';
import { checkHosts } from './kernel.ts';
import { moduleCommand, Partner, settle } from './process.ts';
import { interleaved, median } from './statistics.ts';
import type { Uploaded, UploaderTask } from './uploader.ts';

/** Milliseconds in which the code of single puts is compiled. */
const warmUp = 2000;

interface Sample {
  readonly milliseconds: number;
  /** Single puts meanwhile. */
  readonly puts?: ClientResult;
}

async function upload(context: Context, beside: boolean): Promise<Sample> {
  const { installation, million, backend } = context;
  const daemon = daemonContender(context, backend);
  await daemon.start();
  try {
    const uploader = new Partner(
      moduleCommand('uploader', {
        ...{ host: address, port, authority: installation.authorityFile, authorization: installation.authorization },
        rules: million,
      } satisfies UploaderTask),
    );
    await uploader.next();
    const putting = beside ? client(context, { connections: 1, first: million, seconds: null }) : undefined;
    await putting?.next();
    if (beside) await sleep(warmUp);
    putting?.tell({});
    uploader.tell({});
    const { milliseconds, created } = await uploader.next<Uploaded>();
    putting?.tell({});
    const puts = await putting?.next<ClientResult>();
    await putting?.end();
    await uploader.end();
    check(created === million, `${created} rules were created`);
    if (puts === undefined) await daemon.verify(million);
    else if (backend === 'nftables') await checkHosts('rfw', million);
    return { milliseconds, ...(puts && { puts }) };
  } finally {
    await daemon.stop();
  }
}

/** A million hosts as NDJSON over HTTPS, enforced and on disk when answered, beside the kernel's part of that alone. */
export const batch: Bench = async (context) => {
  const after = (name: string, work: () => Promise<Sample>) => async (): Promise<Sample> => {
    await settle();
    const sample = await work();
    const puts = sample.puts === undefined ? '' : `; puts meanwhile: p99 ${amount(sample.puts.p99, 'ms')}`;
    context.say(`batch: ${name}: ${amount(sample.milliseconds, 'ms')}${puts}`);
    return sample;
  };
  const timed = (work: Promise<number>): Promise<Sample> => work.then((milliseconds) => ({ milliseconds }));
  const work = {
    batch: after('batch', () => upload(context, false)),
    'batch beside single puts': after('batch beside single puts', () => upload(context, true)),
    bulk: after('bulk', () => timed(loadWithRfw(context, { how: 'replace', counters: 'off' }, []))),
    C: after('C', () => timed(loadWithC(context, '-b', '10000'))),
  };
  const samples = await interleaved(context.repetitions, work);
  const series = seriesOf('ms', samples, ({ milliseconds }) => milliseconds);
  const p99 = seriesOf('ms', { puts: samples['batch beside single puts'] }, ({ puts }) => puts?.p99 ?? 0, ' p99');
  const most = seriesOf('ms', { puts: samples['batch beside single puts'] }, ({ puts }) => puts?.most ?? 0, ' max');
  const time = (index: number): number => median(series[index]?.values ?? []);
  const ratio = time(0) / time(2);
  const worst = median(p99[0]?.values ?? []);
  return {
    series: [...series, ...p99, ...most],
    rows: [
      {
        work: `${context.million} hosts by NDJSON over HTTPS`,
        result: `${amount(time(0), 'ms')}, ${times(ratio)} bulk`,
        target: 'at most 3.00 × bulk',
        met: ratio <= 3,
        beside: series.slice(2).map(describe).join(', '),
      },
      {
        work: 'single PUT meanwhile',
        result: `p99 ${amount(worst, 'ms')}`,
        target: 'p99 under 50 ms',
        met: worst < 50,
        beside: [...most, ...series.slice(1, 2)].map(describe).join(', '),
      },
    ],
  };
};
