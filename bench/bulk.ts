import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostOf, removal } from './addresses.ts';
import { type Bench, type Context, check } from './context.ts';
import { amount, describe, type Findings, type Series, seriesOf, times } from './finding.ts';
import { checkHosts, clearFirewall, hostsIn } from './kernel.ts';
import type { Loaded, LoaderOrder, LoaderTask, Removed } from './loader.ts';
import { moduleCommand, Partner, run, settle } from './process.ts';
import { interleaved, median } from './statistics.ts';
import type { WireResult, WireTask } from './wire.ts';

/** Elements in a transaction, of those who don't take all in one. */
const batch = 10_000;

/** nft and ipset read text, which is written before the clock runs. */
function writeScripts({ folder, million }: Context): { readonly nft: string; readonly ipset: string } {
  const nft = join(folder, 'hosts.nft');
  const ipset = join(folder, 'hosts.ipset');
  const hosts = Array.from({ length: million }, (_, index) => hostOf(index));
  // One command for all of them: a command for each 10,000 took nft as long.
  const elements = hosts.map((host) => `${host} timeout 1h`).join(', ');
  const table = 'table inet script { set hosts { type ipv4_addr; flags timeout; }; }';
  writeFileSync(nft, `${table}\nadd element inet script hosts { ${elements} }\n`);
  // As large a table as it will need, which spares ipset the growing: about a tenth of the time.
  const create = `create hosts hash:ip timeout 3600 maxelem ${2 * million} hashsize ${million}`;
  writeFileSync(ipset, `${create}\n${hosts.map((host) => `add hosts ${host} timeout 3600`).join('\n')}\n`);
  return { nft, ipset };
}

/** rfw's backend in a process of its own, and what it says of a removal that follows. */
export async function loadWithRfw(
  context: Context,
  task: Omit<LoaderTask, 'rules'>,
  removals: number[],
): Promise<number> {
  const { million } = context;
  const loader = new Partner(moduleCommand('loader', { ...task, rules: million } satisfies LoaderTask));
  const { milliseconds } = await loader.next<Loaded>();
  await checkHosts('rfw', million);
  if (typeof task.how === 'number') {
    loader.tell('remove some' satisfies LoaderOrder);
    removals.push((await loader.next<Removed>()).milliseconds);
    const left = await hostsIn('rfw');
    check(left === million - Math.min(removal, million), `${left} elements are left after a removal`);
  }
  await loader.end();
  await clearFirewall();
  return milliseconds;
}

async function loadWithClient({ million }: Context): Promise<number> {
  const client = new Partner(moduleCommand('wire', { elements: million, batch } satisfies WireTask));
  const { milliseconds } = await client.next<WireResult>();
  await client.end();
  await checkHosts('wire', million);
  await clearFirewall();
  return milliseconds;
}

export async function loadWithC({ load, million }: Context, ...options: string[]): Promise<number> {
  const { stdout } = await run(load, ['-n', String(million), ...options]);
  await checkHosts('load', million);
  await clearFirewall();
  return Number(stdout);
}

async function loadWithNft(script: string, { million }: Context): Promise<number> {
  const { milliseconds } = await run('nft', ['-f', script]);
  await checkHosts('script', million);
  await clearFirewall();
  return milliseconds;
}

async function loadWithIpset(script: string, { million }: Context): Promise<number> {
  const { milliseconds } = await run('ipset', ['-file', script, 'restore']);
  const { stdout } = await run('ipset', ['-terse', 'list', 'hosts']);
  check(stdout.includes(`Number of entries: ${million}\n`), `ipset holds something else: ${stdout}`);
  await run('ipset', ['destroy', 'hosts']);
  return milliseconds;
}

/** A million hosts with timeouts into an empty kernel. */
export const bulk: Bench = async (context) => {
  const scripts = writeScripts(context);
  const removals: number[] = [];
  const after = (name: string, work: () => Promise<number>) => async (): Promise<number> => {
    await settle();
    const milliseconds = await work();
    context.say(`bulk: ${name}: ${amount(milliseconds, 'ms')}`);
    return milliseconds;
  };
  const rfw = (how: LoaderTask['how'], counters: LoaderTask['counters'] = 'off') =>
    loadWithRfw(context, { how, counters }, removals);
  const own = {
    replace: () => rfw('replace'),
    'replace, objects made meanwhile': () => rfw('replace on the way'),
    [`apply by ${batch}`]: () => rfw(batch),
    'replace with counters': () => rfw('replace', 'on'),
  };
  const rivals = {
    'netlink client alone': () => loadWithClient(context),
    [`C by ${batch}`]: () => loadWithC(context, '-b', String(batch)),
    'C in one transaction': () => loadWithC(context, '-b', '0'),
    'C with counters': () => loadWithC(context, '-b', String(batch), '-c'),
    'nft -f': () => loadWithNft(scripts.nft, context),
    'ipset restore': () => loadWithIpset(scripts.ipset, context),
  };
  const work: Record<string, () => Promise<number>> = context.backend === 'nftables' ? { ...own, ...rivals } : rivals;
  const named = Object.fromEntries(Object.entries(work).map(([name, one]) => [name, after(name, one)]));
  const series = seriesOf('ms', await interleaved(context.repetitions, named), (milliseconds) => milliseconds);
  return findings(context, [...series, { name: `removal of ${removal}`, unit: 'ms', values: removals }]);
};

function findings({ million, backend }: Context, series: readonly Series[]): Findings {
  const of = (name: string): Series => series.find((one) => one.name === name) ?? { name, unit: 'ms', values: [] };
  const time = (name: string): number => median(of(name).values);
  const rivals = ['netlink client alone', `C by ${batch}`, 'C in one transaction', 'nft -f', 'ipset restore'];
  const work = `load ${million} hosts`;
  const measured = rivals.map((name) => describe(of(name))).join(', ');
  if (backend !== 'nftables') {
    const row = {
      work,
      result: 'rivals only',
      target: '',
      met: undefined,
      beside: `${measured}, ${describe(of('C with counters'))}`,
    };
    return { series, rows: [row] };
  }
  const against = (name: string, rival: string): string => times(time(name) / time(rival));
  const c = `C by ${batch}`;
  const others = Math.min(time('nft -f'), time('ipset restore')) / time('replace');
  return {
    series,
    rows: [
      {
        work: `${work}, against C`,
        result: `${amount(time('replace'), 'ms')}, ${against('replace', c)}`,
        target: 'at most 1.60 ×',
        met: time('replace') / time(c) <= 1.6,
        beside: measured,
      },
      {
        work: `${work}, against nft and ipset`,
        result: `${times(others)} as fast as the faster one`,
        target: 'at least 2.00 ×',
        met: others >= 2,
        beside: `${describe(of('nft -f'))}, ${describe(of('ipset restore'))}`,
      },
      ...['replace, objects made meanwhile', `apply by ${batch}`].map((name) => ({
        work: `${work}: ${name}`,
        result: `${amount(time(name), 'ms')}, ${against(name, c)}`,
        target: '',
        met: undefined,
        beside: describe(of(c)),
      })),
      {
        work: `${work}, each with a counter`,
        result: `${amount(time('replace with counters'), 'ms')}, ${against('replace with counters', 'C with counters')}`,
        target: '',
        met: undefined,
        beside: describe(of('C with counters')),
      },
      {
        work: `remove ${removal} of ${million} at once`,
        result: amount(time(`removal of ${removal}`), 'ms'),
        target: 'under 500 ms',
        met: time(`removal of ${removal}`) < 500,
        beside: '',
      },
    ],
  };
}
