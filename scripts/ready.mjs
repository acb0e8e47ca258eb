// Installs what is missing and builds when stale. Uses nothing but Node, since nothing else may be there yet.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const installStamp = join(root, 'node_modules', '.rfw-installed');
const buildStamp = join(root, 'dist', '.source');

/** Runs a program in the project; its output goes to standard error, which leaves standard output to the program that is readied. */
function run(command, args) {
  // sudo may hide the folder that node and npm are in.
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}` };
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  process.stderr.write(`rfw: "${command} ${args.join(' ')}" failed${error ? `: ${error.message}` : ''}\n`);
  process.exit(1);
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(root, file)))
      .update('\0');
  return hash.digest('hex');
}

function isFresh(stamp, hash) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
}

function sourceFiles(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? sourceFiles(join(folder, entry.name)) : [join(folder, entry.name)]))
    .sort();
}

/** Installs the locked dependencies, unless they are there. */
export function install() {
  const hash = hashOf(['package-lock.json']);
  if (isFresh(installStamp, hash)) return;
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(installStamp, hash);
}

/** Compiles src to dist, unless it is there. */
export function build() {
  const programs = sourceFiles('src').filter((file) => !/\.(test|fixture|conformance)\.ts$/.test(file));
  const hash = hashOf(['package-lock.json', 'scripts/bundle.mjs', 'tsconfig.json', ...programs]);
  if (isFresh(buildStamp, hash)) return;
  // Built aside, so that a program that runs, or another build at the same time, never sees half of it.
  const aside = join(root, `dist.${process.pid}`);
  run(process.execPath, [join('scripts', 'bundle.mjs'), aside]);
  writeFileSync(join(aside, '.source'), hash);
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  renameSync(aside, join(root, 'dist'));
}

/** Has the program ready to run. */
export function ready() {
  install();
  build();
}
