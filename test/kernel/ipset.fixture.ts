import { execFileSync } from 'node:child_process';

/** Runs the program ipset in this namespace. @returns what it printed */
export function ipset(line: string, input = ''): string {
  return execFileSync('ipset', line.split(' '), {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** The sets as `ipset save` shows them, without what the kernel makes up, their entries sorted. */
export function saved(): string[] {
  const lines = ipset('save').split('\n').filter(Boolean);
  return lines.map((line) => line.replace(/ initval \S+/, '')).sort();
}

/** The names of the sets that there are. */
export function setNames(): string[] {
  return ipset('list -n').split('\n').filter(Boolean).sort();
}

/** Destroys all sets that nothing refers to. */
export function destroySets(): void {
  for (const name of setNames()) ipset(`destroy ${name}`);
}
