import { type Bench, check } from './context.ts';
import { Daemon } from './daemon.ts';
import { amount, describe, type Series, seriesOf } from './finding.ts';
import { address, port } from './installation.ts';
import { run } from './process.ts';
import { interleaved, median } from './statistics.ts';

/** Runs of each contender in a repetition: one takes less than a tenth of a second. */
const runs = 5;

/** How long the client takes from exec to its end, beside a Node that does nothing and a client in C. */
export const rfwc: Bench = async ({ installation, backend, repetitions, say }) => {
  const daemon = new Daemon(installation, backend);
  await daemon.start();
  const url = `https://${address}:${port}`;
  const { client, authorityFile, userAndPassword } = installation;
  const where = ['--host', url, '--cacert', authorityFile, '--user', userAndPassword];
  const node = (...args: readonly string[]) => run(process.execPath, args);
  const contenders = {
    'rfwc --version': async () => {
      const { stdout, milliseconds } = await node(client, '--version');
      check(/^\d+\.\d+/.test(stdout), `rfwc --version said ${stdout}`);
      return milliseconds;
    },
    'rfwc status': async () => {
      const { stdout, milliseconds } = await node(client, 'status', '--json', ...where);
      check(stdout.includes('"state": "ready"'), `rfwc status said ${stdout}`);
      return milliseconds;
    },
    curl: async () => {
      const { stdout, milliseconds } = await run('curl', [
        ...['-sf', '--cacert', authorityFile, '-u', userAndPassword],
        `${url}/v1/status`,
      ]);
      check(stdout.includes('"state":"ready"'), `curl said ${stdout}`);
      return milliseconds;
    },
    'node -e 0': async () => (await node('-e', '0')).milliseconds,
  };
  try {
    const samples = await interleaved(runs * repetitions, contenders);
    const series = seriesOf('ms', samples, (milliseconds) => milliseconds);
    for (const one of series) say(`rfwc: ${describe(one)}`);
    const [version, status, ...beside] = series;
    const row = (one: Series | undefined, work: string) => ({
      work,
      result: amount(median(one?.values ?? []), 'ms'),
      target: 'under 120 ms',
      met: median(one?.values ?? []) < 120,
      beside: beside.map(describe).join(', '),
    });
    return {
      series,
      rows: [
        row(version, 'rfwc: from exec to the end of --version'),
        row(status, 'rfwc: from exec to the end of status, over HTTPS'),
      ],
    };
  } finally {
    await daemon.stop();
  }
};
