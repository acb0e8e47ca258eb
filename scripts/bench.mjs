// Measures rfw beside its rivals, in a namespace of its own. Arguments go to bench/main.ts; bench/README.md explains the figures.
import { spawnSync } from 'node:child_process';
import { readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ready } from './ready.mjs';
import { install, path } from './tools.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'dist', 'bench');
const env = {
  ...process.env,
  PATH: path,
  RFW_HOST_NETNS: readlinkSync('/proc/self/ns/net'),
  RFW_BENCH_CHECKOUT: root,
};

/** The programs that the benches use, and Debian's packages that have them. */
const tools = {
  cc: ['gcc', 'libc6-dev'],
  nft: ['nftables'],
  ipset: ['ipset'],
  iptables: ['iptables'],
  ip: ['iproute2'],
  unshare: ['util-linux'],
  curl: ['curl'],
};

function give(message) {
  console.error(`bench: ${message}`);
  process.exit(1);
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: ['ignore', 2, 2], ...options });
  if (status !== 0) give(`"${command} ${args.join(' ')}" failed${error ? `: ${error.message}` : ''}`);
}

if (process.getuid() !== 0) give('the benches need root, for network namespaces of their own');
const absent = install(tools, 'benches');
if (absent.length > 0) give(`these programs are missing: ${absent.join(', ')}`);
ready();
rmSync(target, { recursive: true, force: true });
run(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.bench.json']);
for (const program of ['load', 'flood']) {
  const source = join('bench', 'c', `${program}.c`);
  run('cc', ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror', '-o', join(target, program), source]);
}
// Namespaces that end with the benches: whatever they do, the firewall of this host can't be touched, and no process stays.
const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const main = join(target, 'bench', 'main.js');
const { status } = spawnSync('unshare', [...namespaces, process.execPath, main, ...process.argv.slice(2)], {
  cwd: root,
  env,
  stdio: 'inherit',
});
process.exit(status ?? 1);
