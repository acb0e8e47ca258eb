// Runs the daemon from a checkout with the quick-start configuration; flags of the command line come after it and win.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ready } from './ready.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

ready();
mkdirSync(path('../var'), { recursive: true, mode: 0o700 });
const { main } = await import('../dist/daemon/main.js');
await main([
  process.execPath,
  path('../bin/rfw'),
  '-f',
  path('../config/quickstart.conf'),
  '--logfile',
  path('../var/rfw.log'),
  ...process.argv.slice(2),
]);
