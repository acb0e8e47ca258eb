// Everything that must hold: format, lint, types, unit tests, then the tests that need a kernel, in a namespace of their own.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ready } from './ready.mjs';
import { install, missing, path } from './tools.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const strict = process.env.CI === 'true';
const env = { ...process.env, PATH: path };

/** The programs that the tests use, and Debian's packages that have them. */
const tools = {
  iptables: 'iptables',
  'iptables-legacy': 'iptables',
  nft: 'nftables',
  ipset: 'ipset',
  ip: 'iproute2',
  curl: 'curl',
  openssl: 'openssl',
  ping: 'iputils-ping',
  unshare: 'util-linux',
};

/** Why the tests that need a kernel can't run; undefined when they can. */
function kernelObstacle() {
  const absent = missing(tools);
  if (process.getuid() !== 0) return 'they need root';
  if (absent.length > 0) return `these programs are missing: ${absent.join(', ')}`;
  for (const tool of ['iptables', 'iptables-legacy']) {
    const probe = spawnSync('unshare', ['--net', '--mount', tool, '-S'], { env, encoding: 'utf8' });
    if (probe.status !== 0)
      return `${tool} does not work in a network namespace of this kernel: ${probe.stderr.trim()}`;
  }
  return undefined;
}

const failures = [];
const totals = { passed: 0, failed: 0, skipped: 0 };

async function step(name, command, args) {
  console.log(`\n== ${name}`);
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const status = await new Promise((resolve) => child.on('exit', resolve).on('error', resolve));
  if (status !== 0) failures.push(name);
}

/** Runs test projects and adds their counts to the totals. @param wrapper a command line to run them under */
async function tests(name, projects, wrapper = []) {
  const folder = mkdtempSync(join(tmpdir(), 'rfw-test-'));
  const report = join(folder, 'report.json');
  const vitest = [
    process.execPath,
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
  ];
  const [command, ...args] = [
    ...wrapper,
    ...vitest,
    `--outputFile.json=${report}`,
    ...projects.flatMap((p) => ['--project', p]),
  ];
  await step(name, command, args);
  if (existsSync(report)) {
    const counts = JSON.parse(readFileSync(report, 'utf8'));
    totals.passed += counts.numPassedTests;
    totals.failed += counts.numFailedTests;
    totals.skipped += counts.numPendingTests + counts.numTodoTests;
  }
  rmSync(folder, { recursive: true });
}

install(tools, 'tests');
ready();
await step('format and lint', process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'ci', '.']);
await step('unused code', process.execPath, ['node_modules/knip/bin/knip.js']);
await step('types of rfwc', process.execPath, ['scripts/cli-types.mjs', '--check']);
await step('manual pages', process.execPath, ['scripts/man.mjs', '--check']);
await step('types', process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit']);
await Promise.all([tests('unit tests', ['unit']), tests('package tests', ['package'])]);
const obstacle = kernelObstacle();
if (obstacle === undefined) {
  // A namespace that ends with the tests: whatever they do, the firewall of this host can't be touched.
  env.RFW_HOST_NETNS = readlinkSync('/proc/self/ns/net');
  // Each has a /run of its own too, where iptables has its lock. They wait more than they work, so they run side by side.
  const apart = ['unshare', '--net', '--mount', 'sh', '-c', 'mount -t tmpfs none /run && exec "$@"', 'sh'];
  await Promise.all([tests('kernel tests', ['kernel'], apart), tests('end-to-end tests', ['e2e'], apart)]);
} else {
  console.log(`\n!! SKIPPED: all kernel and end-to-end tests, because ${obstacle}`);
  if (strict) failures.push('kernel and end-to-end tests (must not be skipped with CI=true)');
}
console.log(failures.length === 0 ? '\nAll steps passed' : `\nFailed: ${failures.join(', ')}`);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(failures.length === 0 ? 0 : 1);
