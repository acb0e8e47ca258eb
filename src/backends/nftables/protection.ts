import { type Family, families, type Prefix } from '../../domain/address.ts';
import { guardKey } from '../../domain/guard.ts';
import type { Chain } from '../../domain/rule.ts';
import type { Message } from '../../netlink/message.ts';
import { addElements, addSet, deleteSet, type Statements } from '../../netlink/nftables/commands.ts';
import { KeyType, SetFlag } from '../../netlink/nftables/constants.ts';
import {
  accept,
  drop,
  jump,
  leave,
  loadDestination,
  loadSource,
  matchDestination,
  matchDestinationPort,
  matchFamily,
  matchSet,
  matchSource,
  matchSourcePort,
} from '../../netlink/nftables/statements.ts';
import type { Desired } from '../backend.ts';
import { addressBytes, keyLengthOf, prefixElements } from './elements.ts';
import { guardChain, rfwTable } from './table.ts';

/** What stands above every stratum. */
export type Protection = Pick<Desired, 'guard' | 'whitelist'>;

export const unprotected: Protection = { guard: null, whitelist: [] };

/**
 * So many prefixes of a family are compared with one by one. Every packet that is dropped was first found not to be
 * whitelisted: by a search in an interval set that took 9 % off the packets that a core can drop, by a comparison 1.5 %.
 */
const fewPrefixes = 4;

/** The identity of a protection as text. */
export function protectionKey({ guard, whitelist }: Protection): string {
  return `${guardKey(guard)} | ${guardKey({ port: 0, allowed: whitelist })}`;
}

interface PrefixSet {
  readonly name: string;
  readonly family: Family;
  readonly prefixes: readonly Prefix[];
}

/** The sets that a protection has: one a family for what holds anything. */
function setsOf({ guard, whitelist }: Protection): PrefixSet[] {
  return [
    ...families.map((family) => prefixSet(guardSet(family), family, guard?.allowed ?? [])),
    ...families.map((family) => prefixSet(whitelistSet(family), family, whitelist)),
  ].filter(({ prefixes }) => prefixes.length > 0);
}

const guardSet = (family: Family): string => `guard_ip${family}`;
const whitelistSet = (family: Family): string => `whitelist_ip${family}`;

function prefixSet(name: string, family: Family, all: readonly Prefix[]): PrefixSet {
  return { name, family, prefixes: all.filter((prefix) => prefix.family === family) };
}

/** Takes the sets of a protection out. No rule may look them up any more. */
export function withoutProtection(protection: Protection): Message[] {
  return setsOf(protection).map(({ name }) => deleteSet(rfwTable, name));
}

/** Puts the sets of a protection in, before the rules that look them up. */
export function withProtection(protection: Protection): Message[] {
  return setsOf(protection).flatMap(({ name, family, prefixes }) => [
    addSet(rfwTable, name, {
      keyType: family === 4 ? KeyType.ipv4 : KeyType.ipv6,
      keyLength: keyLengthOf(family),
      flags: SetFlag.interval,
    }),
    ...addElements(rfwTable, name, prefixElements(family, prefixes)),
  ]);
}

/**
 * `tcp dport 7393 jump guard_input`; in output `tcp sport`. Packets of other protocols, and forwarded ones, pass by one
 * comparison.
 */
export function guardEntry({ guard }: Protection, chain: Chain): Statements[] {
  if (guard === null || chain === 'forward') return [];
  const match = chain === 'input' ? matchDestinationPort('tcp', guard.port) : matchSourcePort('tcp', guard.port);
  return [[match, jump(guardChain(chain))]];
}

/** What becomes of TCP at the guarded port: `ip saddr @guard_ip4 accept`, then `drop`; in output the destination. */
export function guardRules(protection: Protection, chain: 'input' | 'output'): Statements[] {
  if (protection.guard === null) return [];
  const allowed = setsOf(protection)
    .filter(({ name, family }) => name === guardSet(family))
    .map(({ name, family }) => {
      const load = chain === 'input' ? loadSource(ipOf(family)) : loadDestination(ipOf(family));
      return [matchFamily(ipOf(family)), load, matchSet(name), accept()];
    });
  return [...allowed, [drop()]];
}

/**
 * `ip saddr @whitelist_ip4 return`, in output the destination. In forward both: a packet between one whitelisted address and
 * one that isn't is still for the rules on the other, as in the list that iptables would have.
 */
export function whitelistRules({ whitelist }: Protection, chain: Chain): Statements[] {
  return families.flatMap((family) => {
    const listed = whitelist.filter((prefix) => prefix.family === family);
    if (listed.length === 0) return [];
    if (listed.length <= fewPrefixes && chain !== 'forward') return listed.map((prefix) => comparison(prefix, chain));
    const ip = ipOf(family);
    const match = matchSet(whitelistSet(family));
    const source = chain === 'output' ? [] : [loadSource(ip), match];
    const destination = chain === 'input' ? [] : [loadDestination(ip), match];
    return [[matchFamily(ip), source, destination, leave()]];
  });
}

/** `ip saddr 10.0.0.0/8 return`, in output the destination. */
function comparison(prefix: Prefix, chain: 'input' | 'output'): Statements {
  const ip = ipOf(prefix.family);
  const match = chain === 'input' ? matchSource : matchDestination;
  return [matchFamily(ip), match(ip, addressBytes(prefix), prefix.length), leave()];
}

/** The family as nft calls it. */
export function ipOf(family: Family): 'ip4' | 'ip6' {
  return family === 4 ? 'ip4' : 'ip6';
}
