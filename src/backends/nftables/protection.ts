import type { Family, Prefix } from '../../domain/address.ts';
import { guardKey, type PortGuard } from '../../domain/guard.ts';
import type { Chain } from '../../domain/rule.ts';
import type { Message } from '../../netlink/message.ts';
import { addElements, addSet, deleteSet, type Statements } from '../../netlink/nftables/commands.ts';
import { KeyType, SetFlag } from '../../netlink/nftables/constants.ts';
import {
  accept,
  drop,
  leave,
  loadDestination,
  loadSource,
  matchDestinationPort,
  matchFamily,
  matchSet,
  matchSourcePort,
} from '../../netlink/nftables/statements.ts';
import type { Desired } from '../backend.ts';
import { keyLengthOf, prefixElements } from './elements.ts';
import { rfwTable } from './table.ts';

/** What stands above every stratum. */
export type Protection = Pick<Desired, 'guard' | 'whitelist'>;

export const unprotected: Protection = { guard: null, whitelist: [] };

const families: readonly Family[] = [4, 6];

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
    ...families.map((family) => prefixSet('guard', family, guard?.allowed ?? [])),
    ...families.map((family) => prefixSet('whitelist', family, whitelist)),
  ].filter(({ prefixes }) => prefixes.length > 0);
}

function prefixSet(what: string, family: Family, all: readonly Prefix[]): PrefixSet {
  return { name: `${what}_ip${family}`, family, prefixes: all.filter((prefix) => prefix.family === family) };
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

/** The first rules of a chain: the guard, then the whitelist. */
export function protectionRules(protection: Protection, chain: Chain): Statements[] {
  const names = new Set(setsOf(protection).map(({ name }) => name));
  return [
    ...(protection.guard === null ? [] : guardRules(protection.guard, chain, names)),
    ...families.filter((family) => names.has(`whitelist_ip${family}`)).map((family) => whitelistRule(chain, family)),
  ];
}

/** `tcp dport 7393 ip saddr @guard_ip4 accept`, `tcp dport 7393 drop`; what the host answers, the same way round. */
function guardRules({ port }: PortGuard, chain: Chain, names: ReadonlySet<string>): Statements[] {
  if (chain === 'forward') return [];
  const match = chain === 'input' ? matchDestinationPort('tcp', port) : matchSourcePort('tcp', port);
  const allowed = families
    .filter((family) => names.has(`guard_ip${family}`))
    .map((family) => {
      const load = chain === 'input' ? loadSource(ipOf(family)) : loadDestination(ipOf(family));
      return [match, matchFamily(ipOf(family)), load, matchSet(`guard_ip${family}`), accept()];
    });
  return [...allowed, [match, drop()]];
}

/**
 * `ip saddr @whitelist_ip4 return`, in output the destination. In forward both: a packet between one whitelisted address and
 * one that isn't is still for the rules on the other, as in the list that iptables would have.
 */
function whitelistRule(chain: Chain, family: Family): Statements {
  const ip = ipOf(family);
  const listed = matchSet(`whitelist_ip${family}`);
  const source = chain === 'output' ? [] : [loadSource(ip), listed];
  const destination = chain === 'input' ? [] : [loadDestination(ip), listed];
  return [matchFamily(ip), ...source, ...destination, leave()];
}

/** The family as nft calls it. */
export function ipOf(family: Family): 'ip4' | 'ip6' {
  return family === 4 ? 'ip4' : 'ip6';
}
