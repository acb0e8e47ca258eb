import { addressSet } from '../backends/list.fixture.ts';
import { formatPrefix } from '../domain/address.ts';
import type { AddressSet } from '../domain/address-set.ts';
import type { EnforcedList } from '../domain/list.ts';
import { cutOut } from '../domain/list-text.ts';
import type { Whitelist } from '../domain/whitelist.ts';
import type { ListCommand } from './decide-list.ts';
import type { List } from './list.ts';
import { removeList, replaceList } from './lists.fixture.ts';

/** What lists may have: some of it whitelisted at times. */
export const contents = [['10.0.0.0/30', '192.0.2.0/31'], ['10.0.0.1', '2001:db8::/31'], ['172.16.0.0/12']] as const;

export interface ListOp {
  readonly name: 'a' | 'b';
  /** Which of `contents`; -1 deletes the list. */
  readonly content: number;
  /** Seconds; 0 is for ever. */
  readonly expire: number;
}

interface Standing {
  readonly name: string;
  readonly content: number;
  expiresAt: number | null;
}

export function commandOf({ name, content, expire }: ListOp): ListCommand {
  if (content < 0) return removeList(name);
  return replaceList(name, contents[content] ?? [], { action: 'drop', chain: 'input', expire });
}

/** What rfw promises of lists, as simply as it can be said. */
export class ListModel {
  /** Newest first. */
  #lists: Standing[] = [];

  /** What an op is answered when nothing goes wrong; the model follows it. */
  take({ name, content, expire }: ListOp): string {
    const before = this.#lists.find((list) => list.name === name);
    if (content < 0) {
      this.#lists = this.#lists.filter((list) => list !== before);
      return before === undefined ? 'absent' : 'deleted';
    }
    const expiresAt = expire === 0 ? null : Date.now() + 1000 * expire;
    const after = { name, content, expiresAt };
    if (before === undefined) {
      this.#lists = [after, ...this.#lists];
      return 'created';
    }
    this.#lists = this.#lists.map((list) => (list === before ? after : list));
    return before.content === content && before.expiresAt === expiresAt ? 'unchanged' : 'replaced';
  }

  /** What an op would be answered. */
  foresee(op: ListOp): string {
    const before = this.#lists;
    const status = this.take(op);
    this.#lists = before;
    return status;
  }

  expire(): void {
    this.#lists = this.#lists.filter(({ expiresAt }) => expiresAt === null || expiresAt > Date.now());
  }

  moveExpiries(milliseconds: number): void {
    for (const list of this.#lists) if (list.expiresAt !== null) list.expiresAt += milliseconds;
  }

  /** What stands: its name, its end and its addresses. */
  get given(): string[] {
    return this.#lists.map(({ name, content, expiresAt }) =>
      line(name, expiresAt, addressSet(...(contents[content] ?? []))),
    );
  }

  /** What is enforced of it beside the whitelist. */
  enforced(whitelist: Whitelist): string[] {
    return this.#lists.map(({ name, content }) =>
      line(name, '', cutOut(addressSet(...(contents[content] ?? [])), whitelist).kept),
    );
  }
}

function line(name: string, end: number | null | '', addresses: AddressSet): string {
  return [name, String(end), ...Array.from(addresses.prefixes(), formatPrefix)].join(' ');
}

/** Lists as the model says what stands, the one of the highest place first. */
export function givenLines(lists: readonly List[]): string[] {
  const descending = [...lists].sort((a, b) => b.place - a.place);
  return descending.map(({ name, expiresAt, addresses }) => line(name, expiresAt, addresses));
}

/** Lists as the model says what is enforced. */
export function enforcedLines(lists: readonly EnforcedList[]): string[] {
  return lists.map(({ name, addresses }) => line(name, '', addresses));
}
