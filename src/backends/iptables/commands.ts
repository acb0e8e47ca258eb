import { spawn } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import type { Family } from '../../domain/address.ts';
import { RfwError, reasonOf } from '../../domain/errors.ts';

/** A program and the arguments that always go first. */
type Command = readonly [file: string, ...args: string[]];

/** The four programs that read and write the filter table. */
export interface Commands {
  readonly save: Readonly<Record<Family, Command>>;
  readonly restore: Readonly<Record<Family, Command>>;
  readonly version: Command;
  /** The iptables that all of them belong to: past links, which may come to lead elsewhere, where that is possible. */
  readonly path: string;
}

/** Seconds that a restore waits for the xtables lock of iptables-legacy. */
const lockWait = 10;

/** Milliseconds after which a program is taken for hung. */
const patience = 60_000;

/** An empty part would mean the current folder. */
const path = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  .filter((folder) => folder !== '')
  .join(delimiter);

/**
 * Finds iptables-save, iptables-restore and their IPv6 twins beside the iptables of the configuration.
 * @param iptables a path or a name on the PATH; a name of the operator's own works when it leads to xtables-multi
 * @throws RfwError `kernel-unavailable` when they aren't there
 */
export function findCommands(iptables: string): Commands {
  const file = locate(iptables);
  const usual = /^iptables(-nft|-legacy)?$/.exec(basename(file));
  const beside = (name: string, applet: string): string => join(dirname(file), `${name}${usual?.[1] ?? ''}-${applet}`);
  const hasSiblings = usual !== null && (isExecutable(beside('iptables', 'save')) || !isMultiCall(file));
  const program = (applet: 'save' | 'restore', family: Family): Command => {
    const name = family === 4 ? 'iptables' : 'ip6tables';
    return hasSiblings ? [beside(name, applet)] : [multiCall(file, iptables), `${name}-${applet}`];
  };
  const commands: Commands = {
    path: isMultiCall(file) ? realpathSync(file) : file,
    version: hasSiblings ? [file, '--version'] : [multiCall(file, iptables), 'iptables', '--version'],
    save: { 4: program('save', 4), 6: program('save', 6) },
    restore: { 4: program('restore', 4), 6: program('restore', 6) },
  };
  for (const [program] of [commands.save[4], commands.restore[4]]) locate(program);
  return commands;
}

/** Whether the file leads to the program that is all of iptables, by the name in its first argument. */
function isMultiCall(file: string): boolean {
  return /^xtables-(?:nft|legacy)-multi$/.test(basename(realpathSync(file)));
}

/** iptables under another name is usable through the program with all applets that it links to. */
function multiCall(file: string, configured: string): string {
  if (isMultiCall(file)) return realpathSync(file);
  throw new RfwError(
    'kernel-unavailable',
    `iptables.path = ${configured}: it must be called iptables, iptables-nft or iptables-legacy, or lead to xtables-nft-multi or xtables-legacy-multi, so that its iptables-restore can be found`,
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function locate(program: string): string {
  const candidates =
    isAbsolute(program) || program.includes('/')
      ? [program]
      : path.split(delimiter).map((folder) => join(folder, program));
  for (const candidate of candidates) {
    if (isExecutable(candidate)) return candidate;
  }
  throw new RfwError(
    'kernel-unavailable',
    `Could not find ${program}: install iptables (on Debian: apt-get install iptables) or correct iptables.path`,
  );
}

/** The environment variable by which a later daemon knows the programs that this one started. */
export const ownerVariable = 'RFW_OWNER';

/** Milliseconds after the end of a program in which news of what it did may still wait to be read. */
const newsDelay = 200;

const ownPrograms = new Set<number>();

/**
 * Whether a program of that process id runs, or has just ended, that `run` started. An iptables-nft sends its changes to
 * the kernel from a netlink port of that number, since netlink_autobind (net/netlink/af_netlink.c) takes the process id
 * as its own namespace has it. The process id in a notification is that of the host, which in a container is another.
 */
export function isOwnProgram(pid: number): boolean {
  return ownPrograms.has(pid);
}

/**
 * Runs a program to its end, without a shell.
 * @param owner whose child it is, see `ownerVariable`
 * @returns what it wrote to standard output
 * @throws RfwError `kernel-refused` with what it wrote to standard error; `kernel-unavailable` when it can't run, hangs,
 * or another program holds the xtables lock
 */
export function run([file, ...args]: Command, input: string, owner: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: { PATH: path, LC_ALL: 'C', [ownerVariable]: owner },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own: an interrupt on rfw's terminal isn't meant for it, and it can be ended with all that it started.
      detached: true,
    });
    const { pid } = child;
    if (pid !== undefined) ownPrograms.add(pid);
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    const watchdog = setTimeout(() => {
      endGroup(pid);
      fail('kernel-unavailable', `no answer within ${patience / 1000} s`);
    }, patience);
    const fail = (code: 'kernel-refused' | 'kernel-unavailable', reason: string): void =>
      reject(new RfwError(code, `${basename(file)}: ${reason}`));
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    // A program that ends before it has read all makes a broken pipe; its exit status says why.
    child.stdin.on('error', () => {});
    child.on('error', (error) => {
      clearTimeout(watchdog);
      fail('kernel-unavailable', reasonOf(error));
    });
    child.on('close', (status, signal) => {
      clearTimeout(watchdog);
      // Not for longer than needed: the number may become that of somebody else's program.
      if (pid !== undefined) setTimeout(() => ownPrograms.delete(pid), newsDelay).unref();
      if (status === 0) return resolve(Buffer.concat(output).toString());
      const reason = Buffer.concat(errors)
        .toString()
        .trim()
        .replace(/\s*\n\s*/g, '; ');
      if (signal !== null) return fail('kernel-unavailable', `ended by ${signal}`);
      fail(status === resourceProblem ? 'kernel-unavailable' : 'kernel-refused', reason || `exit status ${status}`);
    });
    child.stdin.end(input);
  });
}

/** Ends a program and all that it started. */
function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

/** RESOURCE_PROBLEM of xtables.h: the lock wasn't free in time, or memory was short. */
const resourceProblem = 4;

/** The whole output of iptables-save, with the counters of every rule. */
export function save(commands: Commands, family: Family, owner: string): Promise<string> {
  return run([...commands.save[family], '-c', '-t', 'filter'], '', owner);
}

/** As `save`, without the counters of rules: equal while the rules are, but for comments and policies. */
export function saveRules(commands: Commands, family: Family, owner: string): Promise<string> {
  return run([...commands.save[family], '-t', 'filter'], '', owner);
}

/** Changes the filter table by the lines, as one transaction, and leaves the rest of the table alone. */
export async function restore(
  commands: Commands,
  family: Family,
  lines: readonly string[],
  owner: string,
): Promise<void> {
  const input = `*filter\n${lines.join('\n')}\nCOMMIT\n`;
  await run([...commands.restore[family], '--noflush', '-w', String(lockWait)], input, owner);
}

/** Goes through a restore without doing it: the program runs and knows the filter table, and all that the lines need. */
export async function rehearse(
  commands: Commands,
  family: Family,
  lines: readonly string[],
  owner: string,
): Promise<void> {
  const input = ['*filter', ...lines, 'COMMIT', ''].join('\n');
  await run([...commands.restore[family], '--noflush', '--test'], input, owner);
}
