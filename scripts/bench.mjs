// Measures rfw beside its rivals, in a namespace of its own. Arguments go to bench/main.ts; bench/README.md explains the figures.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readlinkSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ready } from './ready.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'dist', 'bench');
const path = [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter);
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
};

function has(tool) {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function give(message) {
  console.error(`bench: ${message}`);
  process.exit(1);
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: ['ignore', 2, 2], ...options });
  if (status !== 0) give(`"${command} ${args.join(' ')}" failed${error ? `: ${error.message}` : ''}`);
}

function installTools() {
  const missing = Object.keys(tools).filter((tool) => !has(tool));
  if (missing.length === 0) return;
  if (!has('apt-get')) give(`these programs are missing: ${missing.join(', ')}`);
  const packages = missing.flatMap((tool) => tools[tool]);
  console.error(`Installing ${packages.join(', ')} for the benches`);
  const apt = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' } };
  run('apt-get', ['-qq', 'update'], apt);
  run('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', ...packages], apt);
}

if (process.getuid() !== 0) give('the benches need root, for network namespaces of their own');
installTools();
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
