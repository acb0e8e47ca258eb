import type { AddressSet } from '../domain/address-set.ts';
import { RfwError } from '../domain/errors.ts';
import { anyInterface, type InterfacePattern } from '../domain/interface.ts';
import { type ListName, type ListProperties, listProperties, type Side } from '../domain/list.ts';
import { type ListLimits, listRefusal } from '../domain/list-entries.ts';
import type { Action, Chain } from '../domain/rule.ts';
import { endOf, type Lifetime } from './decide.ts';
import type { List } from './list.ts';
import type { Lists } from './lists.ts';

/** The most lists that there may be: a packet that none of them stops is looked up in each. */
export const mostLists = 256;

/** Versions that a list must have, or must not have; `any` is that of any list. */
export type Versions = 'any' | readonly number[];

/** What a change depends on. */
export interface Condition {
  readonly match?: Versions;
  readonly noneMatch?: Versions;
}

/** Properties of a list as they are asked for; what isn't given stays as it is. */
export interface GivenProperties {
  readonly action?: Action;
  readonly chain?: Chain;
  readonly in?: InterfacePattern;
  readonly out?: InterfacePattern;
  readonly side?: Side;
  readonly comment?: string;
  readonly expire?: Lifetime;
}

interface Asked {
  readonly name: ListName;
  /** Who asks. */
  readonly origin: string;
  /** Whether the caller may change nothing but lists of the same origin. */
  readonly ownOnly?: boolean;
  readonly condition?: Condition;
  /**
   * Whether the caller may have a list with these properties; of one that is removed, those that it had. Pure.
   * @throws RfwError when not; nothing is done then
   */
  readonly allow?: (list: ListProperties, before: List | undefined) => void;
}

/** Gives a list other addresses, or makes it: then action and chain have to be given. */
export interface ReplaceList extends Asked {
  readonly kind: 'replace';
  readonly addresses: AddressSet;
  readonly properties: GivenProperties;
}

/** Changes a list that stands. First comes what is added, then goes what is removed. */
export interface ChangeList extends Asked {
  readonly kind: 'change';
  readonly add: AddressSet;
  readonly remove: AddressSet;
  readonly properties: GivenProperties;
  readonly limits: Pick<ListLimits, 'largestShare' | 'allowEmpty'>;
}

export interface RemoveList extends Asked {
  readonly kind: 'remove';
}

export type ListCommand = ReplaceList | ChangeList | RemoveList;

/** What becomes of a list. */
export type ListOutcome =
  /** `cut`: what the whitelist keeps out of it. */
  | { readonly status: 'created'; readonly list: List; readonly before: undefined; readonly cut: AddressSet }
  | {
      readonly status: 'replaced' | 'changed' | 'unchanged';
      readonly list: List;
      readonly before: List;
      readonly cut: AddressSet;
    }
  | { readonly status: 'deleted'; readonly before: List }
  | { readonly status: 'absent' };

/** The lists as they are after a command, and what it made of its own. */
export interface DecidedList {
  readonly outcome: ListOutcome;
  readonly next: Lists;
}

/**
 * Decides a command. Pure.
 * @param now milliseconds since the epoch
 * @throws RfwError `precondition-failed`, `not-owner`, `list-invalid`, `list-refused`, `interface-invalid`, `expire-invalid`
 */
export function decideList(lists: Lists, command: ListCommand, now: number): DecidedList {
  const before = lists.get(command.name, now);
  refuseUnmet(command, before);
  refuseForeign(command, before);
  const decided = decideOwn(lists, command, before, now);
  const { outcome } = decided;
  if (outcome.status === 'deleted') command.allow?.(outcome.before, outcome.before);
  else if (outcome.status !== 'absent') command.allow?.(outcome.list, outcome.before);
  return decided;
}

function decideOwn(lists: Lists, command: ListCommand, before: List | undefined, now: number): DecidedList {
  if (before === undefined) return command.kind === 'replace' ? create(lists, command, now) : absent(lists);
  if (command.kind === 'remove') return { outcome: { status: 'deleted', before }, next: lists.without(before.name) };
  const addresses = command.kind === 'replace' ? command.addresses : changed(before.addresses, command);
  return set(lists, before, { ...propertiesOf(command.properties, before, now), addresses }, now, command.kind);
}

function absent(lists: Lists): DecidedList {
  return { outcome: { status: 'absent' }, next: lists };
}

function create(lists: Lists, { name, origin, addresses, properties }: ReplaceList, now: number): DecidedList {
  const { action, chain } = properties;
  if (action === undefined || chain === undefined) {
    throw new RfwError('list-invalid', `There is no list ${name} yet: a new one needs an action and a chain`);
  }
  if (lists.size >= mostLists) {
    throw new RfwError('list-refused', `There are ${mostLists} lists already, which is the most: delete one first`);
  }
  const version = lists.nextVersion();
  const first = { action, chain, in: anyInterface, out: anyInterface, comment: '', expiresAt: null };
  const list: List = {
    ...propertiesOf(properties, first, now),
    name,
    addresses,
    version,
    place: version,
    createdAt: now,
    updatedAt: now,
    origin,
  };
  const next = lists.with(list);
  return { outcome: { status: 'created', list, before: undefined, cut: next.cutOf(name) }, next };
}

function set(
  lists: Lists,
  before: List,
  given: ListProperties & Pick<List, 'addresses'>,
  now: number,
  kind: 'replace' | 'change',
): DecidedList {
  const { name } = before;
  if (isAlike(before, given)) {
    return { outcome: { status: 'unchanged', list: before, before, cut: lists.cutOf(name) }, next: lists };
  }
  // What is the same is kept once.
  const addresses = before.addresses.equals(given.addresses) ? before.addresses : given.addresses;
  const list = { ...before, ...given, addresses, version: lists.nextVersion(), updatedAt: now };
  const next = lists.with(list);
  return {
    outcome: { status: kind === 'replace' ? 'replaced' : 'changed', list, before, cut: next.cutOf(name) },
    next,
  };
}

/** Whether two lists match the same, do the same and end at the same time. */
export function isAlike(
  a: ListProperties & Pick<List, 'addresses'>,
  b: ListProperties & Pick<List, 'addresses'>,
): boolean {
  const keys = ['action', 'chain', 'in', 'out', 'side', 'comment', 'expiresAt'] as const;
  return keys.every((key) => a[key] === b[key]) && a.addresses.equals(b.addresses);
}

function changed(addresses: AddressSet, { add, remove, limits }: ChangeList): AddressSet {
  if (add.isEmpty && remove.isEmpty) return addresses;
  const next = addresses.union(add).without(remove);
  const refusal = listRefusal(next, limits);
  if (refusal !== undefined) throw refusal;
  return next;
}

/** The properties of a list, with those that are asked for in the place of those that it has. */
function propertiesOf(
  given: GivenProperties,
  before: Omit<ListProperties, 'side'> & { readonly side?: Side },
  now: number,
): ListProperties {
  const { expire, ...rest } = given;
  const { action, chain, in: into, out, comment, side, expiresAt } = { ...before, ...rest };
  // The side that a list looks at follows from its chain, unless somebody asks for another.
  const asked = chain === before.chain ? side : given.side;
  const ends = expire === undefined ? expiresAt : endOf(expire, now);
  return listProperties({ action, chain, in: into, out, comment, expiresAt: ends, ...(asked && { side: asked }) });
}

function refuseForeign({ origin, ownOnly }: ListCommand, before: List | undefined): void {
  if (ownOnly !== true || before === undefined || before.origin === origin) return;
  throw new RfwError('not-owner', `The list is of ${before.origin}: you may only change your own`);
}

function refuseUnmet({ name, condition = {} }: ListCommand, before: List | undefined): void {
  const { match, noneMatch } = condition;
  if (match !== undefined && !isAmong(before, match)) {
    const now = before === undefined ? 'there is no such list' : 'it is another one by now';
    throw new RfwError('precondition-failed', `The list ${name} is not the one of If-Match: ${now}`);
  }
  if (noneMatch !== undefined && isAmong(before, noneMatch)) {
    throw new RfwError('precondition-failed', `The list ${name} is one of If-None-Match: there is one already`);
  }
}

function isAmong(list: List | undefined, versions: Versions): boolean {
  return list !== undefined && (versions === 'any' || versions.includes(list.version));
}
