import { mkdtempSync, readlinkSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { batch } from './batch.ts';
import { bulk } from './bulk.ts';
import { type Bench, type BenchBackend, benchBackends, type Context } from './context.ts';
import type { Findings } from './finding.ts';
import { flood } from './flood.ts';
import { Installation } from './installation.ts';
import { meanwhile } from './meanwhile.ts';
import { run } from './process.ts';
import { latency, put } from './put.ts';
import { machine, table } from './report.ts';
import { restart } from './restart.ts';
import { rfwc } from './rfwc.ts';
import { standing } from './standing.ts';
import { median } from './statistics.ts';

const benches: Readonly<Record<string, Bench>> = {
  bulk,
  batch,
  put,
  latency,
  standing,
  restart,
  flood,
  meanwhile,
  rfwc,
};

interface Flags {
  readonly quick?: true;
  readonly repetitions?: number;
  readonly backend: BenchBackend;
  readonly out: string;
}

/** TMPFS_MAGIC of linux/magic.h. */
const tmpfs = 0x01021994;

function readCount(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 99.');
  return Number(text);
}

function parse(): { readonly names: readonly string[]; readonly flags: Flags } {
  const command = new Command('npm run bench --')
    .description('Measures rfw beside its rivals, prints a table and writes every repetition into a file')
    .argument('[benches...]', `some of ${Object.keys(benches).join(', ')}; all without a name`)
    .option('--quick', 'two repetitions of a fiftieth of the size: shows that it works, not how fast')
    .option('--repetitions <n>', 'how often each contender is measured; by default 5', readCount)
    .addOption(new Option('--backend <name>', 'what the daemon runs with').choices(benchBackends).default('nftables'))
    .option('--out <file>', 'where the repetitions go', join(checkout(), 'bench/results.json'))
    .parse();
  const unknown = command.args.filter((name) => !(name in benches));
  if (unknown.length > 0) command.error(`There is no bench ${unknown.join(', ')}`);
  return { names: command.args.length === 0 ? Object.keys(benches) : command.args, flags: command.opts<Flags>() };
}

function checkout(): string {
  return process.env['RFW_BENCH_CHECKOUT'] ?? process.cwd();
}

/** The firewall of the host must not be touched: scripts/bench.mjs makes a namespace that ends with the run. */
function requireNamespace(): void {
  const host = process.env['RFW_HOST_NETNS'];
  if (host !== undefined && host !== readlinkSync('/proc/self/ns/net')) return;
  throw new Error('The benches need a network namespace of their own: run them with npm run bench');
}

/** Durable writes cost nothing in memory, so the folder of temporary files has to be on a disk. */
function diskFolder(): string {
  const folder = [tmpdir(), '/var/tmp'].find((candidate) => statfsSync(candidate).type !== tmpfs);
  if (folder === undefined) throw new Error('Temporary files are all kept in memory: set TMPDIR to a folder on a disk');
  return mkdtempSync(join(folder, 'rfw-bench-'));
}

function withMedians({ rows, series }: Findings): Findings {
  return { rows, series: series.map((one) => ({ ...one, median: median(one.values) })) };
}

async function main(): Promise<void> {
  requireNamespace();
  const { names, flags } = parse();
  await run('ip', ['link', 'set', 'lo', 'up']);
  const folder = diskFolder();
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const quick = flags.quick === true;
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  // The first process of its namespace, which this one is, gets only signals that it asks for; the others end with it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      removeFolder();
      process.exit(1);
    });
  }
  try {
    const context: Context = {
      repetitions: flags.repetitions ?? (quick ? 2 : 5),
      million: quick ? 20_000 : 1_000_000,
      seconds: quick ? 1 : 4,
      folder,
      installation: await Installation.make(checkout(), join(folder, 'rfw')),
      load: join(checkout(), 'dist/bench/load'),
      flood: join(checkout(), 'dist/bench/flood'),
      backend: flags.backend,
      say,
    };
    const found: Record<string, Findings> = {};
    const machineWas = machine();
    for (const name of names) {
      say(`== ${name}`);
      const bench = benches[name];
      if (bench) found[name] = withMedians(await bench(context));
      // After each one, so that a long run that ends early isn't lost.
      const { repetitions, million, seconds, backend } = context;
      const results = { machine: machineWas, quick, backend, repetitions, million, seconds, benches: found };
      writeFileSync(flags.out, `${JSON.stringify(results, null, 2)}\n`);
    }
    process.stdout.write(table(Object.values(found).flatMap(({ rows }) => rows)));
    say(`Every repetition is in ${flags.out}`);
  } finally {
    removeFolder();
  }
}

await main();
