import { parsePrefix, rangeOf } from '../../domain/address.ts';
import { AddressSet } from '../../domain/address-set.ts';
import { parseInterface } from '../../domain/interface.ts';
import { type EnforcedList, listProperties, parseListName, type Side } from '../../domain/list.ts';
import { actions, chains } from '../../domain/rule.ts';

let versions = 0;

interface More {
  readonly side?: Side;
  readonly expiresAt?: number | null;
}

/** A list from `name action chain in out` and its prefixes, of a version that no other has. */
export function listFrom(text: string, prefixes: readonly string[], more: More = {}): EnforcedList {
  const [name = '', actionText = '', chainText = '', into = '', out = ''] = text.split(' ');
  const action = actions.find((one) => one === actionText);
  const chain = chains.find((one) => one === chainText);
  if (action === undefined || chain === undefined) throw new Error(`No list: ${text}`);
  const given = { action, chain, in: parseInterface(into), out: parseInterface(out), comment: '', expiresAt: null };
  const { comment: _, ...properties } = listProperties({ ...given, ...more });
  const addresses = AddressSet.of(prefixes.map((prefix) => rangeOf(parsePrefix(prefix))));
  return { ...properties, name: parseListName(name), version: ++versions, addresses };
}
