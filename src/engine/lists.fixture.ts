import { expect } from 'vitest';
import { addressSet } from '../backends/list.fixture.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { formatPrefix } from '../domain/address.ts';
import { parseListName } from '../domain/list.ts';
import type { ConfirmRequest } from './confirmations.ts';
import type { Protection } from './decide.ts';
import type { ChangeList, GivenProperties, ListCommand, RemoveList, ReplaceList } from './decide-list.ts';
import { answer, Host } from './engine.fixture.ts';
import type { List } from './list.ts';

const asked = (name: string) => ({ name: parseListName(name), origin: 'test' });

/** Replaces a list; it drops in input where nothing else is said. */
export function replaceList(
  name: string,
  entries: readonly string[],
  properties: GivenProperties = { action: 'drop', chain: 'input' },
): ReplaceList {
  return { ...asked(name), kind: 'replace', addresses: addressSet(...entries), properties };
}

export function changeList(
  name: string,
  { add = [], remove = [], ...properties }: GivenProperties & { add?: readonly string[]; remove?: readonly string[] },
): ChangeList {
  const limits = { largestShare: 0.5, allowEmpty: false };
  return { ...asked(name), kind: 'change', add: addressSet(...add), remove: addressSet(...remove), properties, limits };
}

export function removeList(name: string): RemoveList {
  return { ...asked(name), kind: 'remove' };
}

/** A list as text: `spam drop 10.0.0.0/8`. */
function lineOf({ name, action, addresses }: Pick<List, 'name' | 'action' | 'addresses'>): string {
  return [name, action, ...Array.from(addresses.prefixes(), formatPrefix)].join(' ');
}

/** A host over a kernel whose lists can be read. */
export class ListHost extends Host {
  readonly memory: MemoryBackend;

  constructor(memory = new MemoryBackend()) {
    super(memory);
    this.memory = memory;
  }

  static async begun(protection?: Protection): Promise<ListHost> {
    const host = new ListHost();
    await host.start(protection);
    return host;
  }

  /** @returns what becomes of the command: its status, or the code of its error */
  take(command: ListCommand, confirm?: ConfirmRequest): Promise<string> {
    return answer(this.engine.listing.write(command, () => ({}), confirm));
  }

  /** What the kernel holds; a packet meets the first one first. */
  get enforced(): string[] {
    return this.memory.lists.map(lineOf);
  }

  /** What the engine says there is, as it was given. */
  get listed(): string[] {
    return this.engine.listing.all.map(lineOf);
  }

  /** The kinds of all recorded changes. */
  async recorded(): Promise<string[]> {
    const { changes } = await this.engine.history.changes(0, 1000);
    return changes.map(({ change }) => change.kind);
  }

  /** The names of the lists that are on the disk. */
  async onDisk(): Promise<string[]> {
    const [names, addresses] = await Promise.all([this.disk.documents('list'), this.disk.documents('list-addresses')]);
    expect([...addresses.keys()]).toEqual([...names.keys()]);
    return [...names.keys()];
  }

  /** Ends the daemon and starts it again. */
  async again(protection?: Protection): Promise<void> {
    await this.crash();
    await this.start(protection);
  }
}
