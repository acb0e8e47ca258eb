import type { Range } from '../../domain/address.ts';
import { chunksOf } from '../../domain/chunks.ts';
import type { EnforcedList } from '../../domain/list.ts';
import type { Message } from '../../netlink/message.ts';
import { addElements, addSet } from '../../netlink/nftables/commands.ts';
import { KeyType, SetFlag } from '../../netlink/nftables/constants.ts';
import { ElementList } from '../../netlink/nftables/elements.ts';
import { keyLengthOf } from './elements.ts';
import { lifetimeOf } from './lifetime.ts';
import { fewAddresses, type ListSet, type StandingList } from './list-sets.ts';
import { rfwTable } from './table.ts';

/** Elements that the kernel takes in at once: hosts take it a microsecond each, networks ten. */
const chunkLengths = { host: 10_000, network: 2000 } as const;

/**
 * What makes the sets of a list and fills them, some elements at a time. Nothing looks them up yet.
 * @param now milliseconds since the epoch
 */
export function* listMessages(list: EnforcedList, { sets }: StandingList, now: number): Generator<readonly Message[]> {
  for (const set of sets) {
    let before: Message[] = [addListSet(list, set, now)];
    for (const elements of elementLists(list, set)) {
      yield [...before, ...addElements(rfwTable, set.name, elements)];
      before = [];
    }
  }
}

/** Its elements live as long as the list: one that is dead can't take it out. */
function addListSet(list: EnforcedList, { name, family, kind }: ListSet, now: number): Message {
  const timeout = lifetimeOf(list, now);
  const { narrowAddresses } = list.addresses.countsBySize(family, fewAddresses);
  return addSet(rfwTable, name, {
    keyType: family === 4 ? KeyType.ipv4 : KeyType.ipv6,
    keyLength: keyLengthOf(family),
    flags: kind === 'network' ? SetFlag.interval : 0,
    ...(timeout !== undefined && { timeout }),
    // A table of this size, which never grows: it is filled in two thirds of the time. With timeouts the kernel has only the other.
    ...(timeout === undefined && kind === 'host' && { size: narrowAddresses }),
  });
}

function* elementLists({ addresses }: EnforcedList, { family, kind }: ListSet): Generator<ElementList> {
  const length = chunkLengths[kind];
  const [size, add] = kind === 'host' ? (['narrow', addHosts] as const) : (['wide', addNetwork] as const);
  for (const ranges of chunksOf(addresses.rangesBySize(family, size, fewAddresses), length)) {
    const list = new ElementList(keyLengthOf(family), 2 * ranges.length);
    for (const range of ranges) add(list, range);
    yield list;
  }
}

function addHosts(list: ElementList, { family, first, last }: Range): void {
  for (let value = first; value <= last; value++) list.add(family === 4 ? Number(value) : value);
}

function addNetwork(list: ElementList, { family, first, last }: Range): void {
  if (family === 4) list.addRange(Number(first), Number(last));
  else list.addRange(first, last);
}
