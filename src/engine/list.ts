import type { AddressSet } from '../domain/address-set.ts';
import type { ListName, ListProperties } from '../domain/list.ts';

/** A list as somebody has given it. */
export interface List extends ListProperties {
  readonly name: ListName;
  /** As they were given, merged: also what the whitelist cuts out. */
  readonly addresses: AddressSet;
  /** Another one with each change of the list; no list ever has it again. */
  readonly version: number;
  /** The version that it was made with: of two lists a packet meets the one of the higher place first. */
  readonly place: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Who made it. */
  readonly origin: string;
}
