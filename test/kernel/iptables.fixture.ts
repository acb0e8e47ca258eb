import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IptablesBackend } from '../../src/backends/iptables/iptables.ts';
import { listLines, list as parsedList } from '../../src/backends/list.fixture.ts';
import type { ListStage } from '../../src/backends/lists.conformance.ts';
import type { EnforcedList } from '../../src/domain/list.ts';
import { ipset } from './ipset.fixture.ts';

export const variants = ['nft', 'legacy'] as const;
export type Variant = (typeof variants)[number];
export type Family = 4 | 6;

const families = [4, 6] as const;
const tableChains = ['INPUT', 'OUTPUT', 'FORWARD'] as const;
const env = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, LC_ALL: 'C' };

/** The name of a program: `iptables-nft`, `ip6tables-legacy-restore`. */
export function program(variant: Variant, family: Family, applet = ''): string {
  return `${family === 4 ? 'iptables' : 'ip6tables'}-${variant}${applet === '' ? '' : `-${applet}`}`;
}

/** Runs a program as somebody else on the host would, without rfw. @returns what it printed */
export function execute(file: string, args: readonly string[], input = ''): string {
  return execFileSync(file, args, { env, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Runs iptables with arguments that are parted by blanks. */
export function iptables(variant: Variant, line: string, family: Family = 4): string {
  return execute(program(variant, family), ['-w', '5', ...line.split(' ')]);
}

/** The rules as `iptables -S` shows them: of one chain in its order, or of all chains. */
export function show(variant: Variant, chain = '', family: Family = 4): string[] {
  return iptables(variant, `-S ${chain}`.trim(), family)
    .split('\n')
    .filter((line) => line.startsWith('-A '));
}

/** Takes everything out of the filter tables of both variants. */
export function clear(): void {
  for (const variant of variants) {
    for (const family of families) {
      const input = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n';
      execute(program(variant, family, 'restore'), ['-w', '5'], input);
    }
  }
}

/** An owner that no other test has. */
export function newOwner(): string {
  return mkdtempSync(join(tmpdir(), 'rfw-owner-'));
}

/** A probed backend on the variant. */
export async function probed(variant: Variant, path: string = program(variant, 4)): Promise<IptablesBackend> {
  const backend = new IptablesBackend({ path, owner: newOwner() });
  await backend.probe();
  return backend;
}

/** What both filter tables hold, in the form of `listing`, and of lists in that of `listLines`. */
export function stageOf(variant: Variant): ListStage {
  return {
    backend: new IptablesBackend({ path: program(variant, 4), owner: newOwner() }),
    ordered: true,
    listing: async () =>
      families.flatMap((family) =>
        tableChains.flatMap((chain) =>
          show(variant, chain, family)
            .filter((line) => !line.includes('--match-set'))
            .map((line) => (family === 6 ? `6 ${line}` : line)),
        ),
      ),
    lists: async () => heldLists(variant),
  };
}

/** The lists of both filter tables in the form of `listLines`. Throws when a rule stands below one. */
function heldLists(variant: Variant): string[] {
  const saved = ipset('save').split('\n');
  return families.flatMap((family) =>
    tableChains.flatMap((chain) => {
      const lines = show(variant, chain, family);
      const first = lines.findIndex((line) => line.includes('--match-set'));
      const last = first < 0 ? [] : lines.slice(first);
      return last.flatMap((line) => listLines([heldList(line, saved)]));
    }),
  );
}

function heldList(line: string, saved: readonly string[]): EnforcedList {
  const parts =
    /^-A (\S+) (?:-i (\S+) )?(?:-o (\S+) )?-m set --match-set (\S+) (src|dst) -j (\S+)(?: --reject-with \S+)?$/.exec(
      line,
    );
  if (parts === null) throw new Error(`a rule below a list: ${line}`);
  const [, chain = '', into = 'any', out = 'any', set, match, action = ''] = parts;
  const entries = saved.filter((entry) => entry.startsWith(`add ${set} `)).map((entry) => entry.split(' ')[2] ?? '');
  const side = match === 'src' ? 'source' : 'destination';
  return parsedList(`list 0 ${action.toLowerCase()} ${chain.toLowerCase()} ${into} ${out} ${side}`, ...entries);
}

/** Starts a program that runs beside the test. */
export function start(file: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  return spawn(file, args, { env: { ...env, ...more }, stdio: 'ignore' });
}

/** The program of all applets. */
export function multi(variant: Variant): string {
  return `/usr/sbin/xtables-${variant}-multi`;
}

/**
 * Links in the folder to the real programs under their plain names, but for those that are given as shell scripts.
 * @returns the iptables
 */
export function plainPrograms(
  folder: string,
  variant: Variant,
  scripts: Readonly<Record<string, string>> = {},
): string {
  for (const name of ['iptables', 'ip6tables']) {
    for (const applet of [name, `${name}-save`, `${name}-restore`]) {
      const file = join(folder, applet);
      const script = scripts[applet];
      if (script === undefined) {
        symlinkSync(multi(variant), file);
      } else {
        writeFileSync(file, `#!/bin/sh\n${script}\n`);
        chmodSync(file, 0o755);
      }
    }
  }
  return join(folder, 'iptables');
}
