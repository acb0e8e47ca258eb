// Runs kernel and end-to-end tests in a namespace of their own; arguments go to vitest, for example a file to run.
import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ready } from './ready.mjs';

ready();
const vitest = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--project',
  'kernel',
  '--project',
  'e2e',
  ...process.argv.slice(2),
];
const { status } = spawnSync('unshare', ['--net', '--mount', process.execPath, ...vitest], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, RFW_HOST_NETNS: readlinkSync('/proc/self/ns/net') },
  stdio: 'inherit',
});
process.exit(status ?? 1);
