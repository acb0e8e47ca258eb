import { formatAddress, parseAddress } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import { type Line, parseLine, type SavedLine, type SavedRow } from './line.ts';

/** Commands for iptables-restore that take out what is meant and nothing else. */
interface Spared {
  readonly commands: readonly string[];
  /** What the chains then hold, top to bottom, where lines of them are put back by number; empty where none are. */
  readonly chains: ReadonlyMap<string, readonly Line[]>;
}

/** A line of a chain, with what iptables compares of it. */
interface Entry extends SavedLine {
  readonly face: string;
}

interface Command {
  readonly text: string;
  readonly deletes: boolean;
  /** The place that it inserts at, from 1. */
  readonly place: number;
  readonly entry: Entry;
}

/**
 * Sees to it that each deletion takes the uppermost line that is equal to it, though ip6tables-nft takes the uppermost that
 * is alike: nft_ipv6_is_same (iptables/nft-ipv6.c of 1.8.9) compares addresses without their masks, so that
 * `-D INPUT -s 2001:db8::/64 -j DROP` also takes `-s 2001:db8::/65 -j DROP`, whoever put that there. Where a line that isn't
 * meant stands above one that is, all alike go, down to the lowest that is meant, and those that aren't come back to their
 * places in the same change. Each is named by its own words, so that the result is the same where iptables compares masks.
 * Those that come back count from zero there: iptables 1.8.9 takes counters for IPv6 and forgets them.
 * @param commands `-D CHAIN line` and `-I CHAIN [place] line`
 * @param lines the chains as they are, top to bottom
 * @throws RfwError `kernel-refused` when a line isn't there that should go, and one that is alike would go for it
 */
export function spareAlike(commands: readonly string[], lines: readonly SavedRow[]): Spared {
  const steps = commands.map(readCommand);
  if (!isEntangled(steps, lines)) return asTheyAre(commands);
  const chains = new Map<string, Entry[]>();
  for (const chain of new Set(steps.map(({ entry }) => entry.chain))) {
    chains.set(chain, lines.filter((line) => line.chain === chain).map(readRow));
  }
  const spared: string[] = [];
  const placed = new Set<string>();
  let run: Command[] = [];
  const flush = (): void => {
    for (const chain of new Set(run.map(({ entry }) => entry.chain))) {
      const targets = run.filter(({ entry }) => entry.chain === chain).map(({ entry }) => entry);
      const { left, outs, ins } = takeOut(chain, chains.get(chain) ?? [], targets);
      chains.set(chain, left);
      spared.push(...outs, ...ins);
      if (ins.length > 0) placed.add(chain);
    }
    run = [];
  };
  for (const step of steps) {
    if (step.deletes) {
      run.push(step);
      continue;
    }
    flush();
    chains.get(step.entry.chain)?.splice(step.place - 1, 0, step.entry);
    spared.push(step.text);
  }
  flush();
  return { commands: spared, chains: new Map([...chains].filter(([chain]) => placed.has(chain))) };
}

/** Where iptables takes what is meant by itself. */
export function asTheyAre(commands: readonly string[]): Spared {
  return { commands, chains: new Map() };
}

/** Whether chains hold what they should after lines went back to places that were counted before. */
export function isForeseen(chains: Spared['chains'], lines: readonly Line[]): boolean {
  return [...chains].every(([chain, foreseen]) => {
    const now = lines.filter((line) => line.chain === chain);
    return now.length === foreseen.length && now.every(({ key }, index) => key === foreseen[index]?.key);
  });
}

/** Whether a deletion could take another line than its own. So it is with hardly any change: this has to be quick. */
function isEntangled(steps: readonly Command[], lines: readonly SavedRow[]): boolean {
  const meant = new Map<string, string>();
  const deletions = steps.filter((step) => step.deletes);
  for (const { entry } of deletions) meant.set(`${entry.chain} ${entry.face}`, entry.key);
  const isOther = ({ chain, args }: SavedRow): boolean => {
    const key = meant.get(`${chain} ${faceOf(args)}`);
    return key !== undefined && key !== parseLine(chain, args, 6).key;
  };
  return steps.some(({ entry }) => isOther(entry)) || lines.some(isOther);
}

/** Takes lines out of one chain, in whatever order: each is the uppermost of its key. */
function takeOut(
  chain: string,
  entries: readonly Entry[],
  targets: readonly Entry[],
): { readonly left: Entry[]; readonly outs: readonly string[]; readonly ins: readonly string[] } {
  const wanted = new Map<string, number>();
  for (const { key } of targets) wanted.set(key, (wanted.get(key) ?? 0) + 1);
  const gone = new Set<Entry>();
  const lowest = new Map<string, number>();
  for (const [index, entry] of entries.entries()) {
    const count = wanted.get(entry.key) ?? 0;
    if (count === 0) continue;
    wanted.set(entry.key, count - 1);
    gone.add(entry);
    lowest.set(entry.face, index);
  }
  const missing = targets.find(({ key }) => wanted.get(key) !== 0);
  if (missing) throw new RfwError('kernel-refused', `There is no line in ${chain} any more: ${missing.args}`);
  const lifted = entries.filter(({ face }, index) => index <= (lowest.get(face) ?? -1));
  const back = new Set(lifted.filter((entry) => !gone.has(entry)));
  const left = entries.filter((entry) => !gone.has(entry));
  return {
    left,
    outs: lifted.map(({ args }) => `-D ${chain} ${args}`),
    // Top to bottom: above each, all stand already.
    ins: left.flatMap((entry, index) => (back.has(entry) ? [insertion(entry, index + 1)] : [])),
  };
}

function insertion({ chain, args, packets, bytes }: Entry, place: number): string {
  return `-I ${chain} ${place} -c ${packets} ${bytes} ${args}`;
}

function readCommand(text: string): Command {
  const [, option, chain = '', place = '1', args = ''] = /^-([DI]) (\S+)(?: (\d+))? (.*)$/.exec(text) ?? [];
  const entry = readRow({ chain, args, packets: 0n, bytes: 0n });
  return { text, deletes: option === 'D', place: Number(place), entry };
}

function readRow(row: SavedRow): Entry {
  return { ...row, ...parseLine(row.chain, row.args, 6), face: faceOf(row.args) };
}

/** All of a line but the lengths of its prefixes. To iptables no address is the one of zeros. */
function faceOf(args: string): string {
  const addresses = /^(?:(! )?-s (\S+)\/\S+ ?)?(?:(! )?-d (\S+)\/\S+ ?)?/.exec(args) ?? [];
  const [matched = '', notSource = '', source = '::', notDestination = '', destination = '::'] = addresses;
  const rest = args.slice(matched.length);
  return `${notSource}${canonical(source)} ${notDestination}${canonical(destination)} ${rest}`;
}

/** iptables prints some addresses with the last words in the way of IPv4, and never any other way than rfw otherwise. */
function canonical(address: string): string {
  return address.includes('.') ? formatAddress(parseAddress(address)) : address;
}
