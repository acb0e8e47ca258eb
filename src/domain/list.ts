import { quote } from './address.ts';
import type { AddressSet } from './address-set.ts';
import { RfwError } from './errors.ts';
import { anyInterface, type InterfacePattern } from './interface.ts';
import type { Action, Chain } from './rule.ts';

declare const listName: unique symbol;

/** The name of a list: 1 to 64 of a-z, 0-9, `.`, `_` and `-`, of which the first is a letter or a digit. */
export type ListName = string & { readonly [listName]: true };

/**
 * Reads the name of a list.
 * @throws RfwError `list-invalid`
 */
export function parseListName(text: string): ListName {
  if (/^[a-z0-9][a-z0-9._-]{0,63}$/.test(text)) return text as ListName;
  throw new RfwError(
    'list-invalid',
    `Incorrect list name ${quote(text)}: 1 to 64 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit`,
  );
}

/** Which address of a packet is looked up. */
export type Side = 'source' | 'destination';

/** What a list does with packets whose address is in it. */
export interface ListMatch {
  readonly action: Action;
  readonly chain: Chain;
  readonly in: InterfacePattern;
  readonly out: InterfacePattern;
  readonly side: Side;
}

/** All of a list but its name and its addresses. */
export interface ListProperties extends ListMatch {
  readonly comment: string;
  /** Milliseconds since the epoch; null is never. */
  readonly expiresAt: number | null;
}

/**
 * Checks the properties of a list: in input the source is looked up, in output the destination, in forward the source unless
 * the destination is asked for.
 * @param side the one that was asked for
 * @throws RfwError `list-invalid` for the side, `interface-invalid`
 */
export function listProperties({ side, ...given }: Omit<ListProperties, 'side'> & { side?: Side }): ListProperties {
  if (given.chain === 'input' && given.out !== anyInterface) {
    throw new RfwError('interface-invalid', 'A list in input has no outgoing interface');
  }
  if (given.chain === 'output' && given.in !== anyInterface) {
    throw new RfwError('interface-invalid', 'A list in output has no incoming interface');
  }
  const usual = given.chain === 'output' ? 'destination' : 'source';
  if (side !== undefined && side !== usual && given.chain !== 'forward') {
    throw new RfwError('list-invalid', `A list in ${given.chain} looks at the ${usual}, and only that`);
  }
  return { ...given, side: side ?? usual };
}

/** A list as a packet filter enforces it. */
export interface EnforcedList extends ListMatch {
  readonly name: ListName;
  /** Another one whenever anything of the list is another, `expiresAt` and addresses too. */
  readonly version: number;
  /** Milliseconds since the epoch; null is never. */
  readonly expiresAt: number | null;
  /** What is whitelisted is not among them. */
  readonly addresses: AddressSet;
}

/** The identity of what stands for a list: `name 3`. Names have no spaces. */
export function listKey({ name, version }: Pick<EnforcedList, 'name' | 'version'>): string {
  return `${name} ${version}`;
}
