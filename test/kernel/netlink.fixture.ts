import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { NetlinkError } from '../../src/netlink/errno.ts';
import { KeyType } from '../../src/netlink/nftables/constants.ts';
import { ElementList } from '../../src/netlink/nftables/elements.ts';

const run = promisify(execFile);

/** Runs nft in this namespace with a script on its standard input. Throws what nft says, but for the script in it. */
export function nft(script: string): void {
  const { status, stderr } = spawnSync('nft', ['-f', '-'], { input: script, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr.slice(0, 500));
}

/** The same, while the event loop goes on. */
export async function nftMeanwhile(script: string): Promise<void> {
  await run('nft', [script]);
}

/**
 * The ruleset as nft lists it, without the handles and the times left, which differ from one loading to the next. The
 * kernel rehashes a set some time after it grew, and a listing of that moment repeats elements and leaves others out:
 * what two listings in a row say is what is there.
 */
export function ruleset(): unknown {
  let last = '';
  for (let attempt = 0; attempt < 10; attempt++) {
    const listed = JSON.stringify(listRuleset());
    if (listed === last) return JSON.parse(listed);
    last = listed;
  }
  throw new Error('nft lists something else every time');
}

function listRuleset(): unknown {
  const listed = execFileSync('nft', ['-j', 'list', 'ruleset'], { encoding: 'utf8', maxBuffer: 1 << 28 });
  return JSON.parse(listed, (key, value: unknown) => (key === 'handle' || key === 'expires' ? undefined : value));
}

/** The NetlinkError that the function throws. */
export function refusalOf(run: () => unknown): NetlinkError {
  try {
    run();
  } catch (error) {
    return error as NetlinkError;
  }
  throw new Error('nothing was refused');
}

/** Waits until the condition holds, at most so many milliseconds. Returns how many it took. */
export async function until(condition: () => boolean, most = 1000): Promise<number> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > most) throw new Error(`not within ${most} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return performance.now() - start;
}

/** The table that the tests play with. */
export const t = { family: 'inet', name: 't' } as const;
/** What makes a set one of addresses of the family. */
export const ipv4 = { keyType: KeyType.ipv4, keyLength: 4 };
export const ipv6 = { keyType: KeyType.ipv6, keyLength: 16 };

/** Addresses as elements, with their timeouts in milliseconds. */
export function elements(keyLength: 4 | 16, ...of: readonly (readonly [address: number | bigint, timeout?: number])[]) {
  const list = new ElementList(keyLength);
  for (const [address, timeout] of of) list.add(address, timeout);
  return list;
}
