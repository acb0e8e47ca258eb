// Programs that tests and benches use, from Debian's packages. Uses nothing but Node, since nothing else may be there yet.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where programs are looked for: an administrator's folders too. */
export const path = [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter);

function has(program) {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The programs that aren't there. @param tools Debian's packages by program */
export function missing(tools) {
  return Object.keys(tools).filter((program) => !has(program));
}

/** Installs what is missing, where that can be done: as root, on Debian. @returns what is missing after that */
export function install(tools, purpose) {
  const packages = [...new Set(missing(tools).flatMap((program) => tools[program]))];
  if (packages.length === 0 || process.getuid() !== 0 || !has('apt-get')) return missing(tools);
  process.stderr.write(`Installing ${packages.join(', ')} for the ${purpose}\n`);
  const env = { ...process.env, PATH: path, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 'ignore', 2] });
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...packages);
  return missing(tools);
}
