import { formatPrefix } from '../../src/domain/address.ts';
import { type HeldRules, heldLists, heldRules, listedTable } from '../kernel/nftables.fixture.ts';
import { runIn } from './network.fixture.ts';
import type { RunResult } from './process.fixture.ts';

/**
 * Reads rfw's table in a namespace, and tries to change it, as an operator does. It can be read while rfw runs only: of a table
 * that persists and has lost its owner, nft 1.0.6 at times prints JSON that can't be parsed, with chance words for its flags.
 */
export class Table {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** Runs nft with the words of the line. */
  nft(line: string): Promise<RunResult> {
    return runIn(this.#namespace, 'nft', ...line.split(' '));
  }

  async held(): Promise<HeldRules> {
    return heldRules(await this.#listed());
  }

  /** The prefixes of each list, by its name. */
  async lists(): Promise<Map<string, string[]>> {
    const lists = heldLists(await this.#listed());
    return new Map(lists.map(({ name, addresses }) => [name, [...addresses.prefixes()].map(formatPrefix)]));
  }

  /** The names of the sets, in their order: whatever is brought in anew gets new ones. */
  async sets(): Promise<string[]> {
    return [...listedTable(await this.#listed()).sets.keys()];
  }

  /** The addresses that are dropped on input on any interface, as `198.18.0.1/32`, in any order. */
  async sources(): Promise<string[]> {
    return (await this.held()).keys.flatMap((key) => /^drop input any any (\S+) any$/.exec(key)?.[1] ?? []);
  }

  async #listed(): Promise<string> {
    const { status, stdout, stderr } = await this.nft('-j list table inet rfw');
    if (status !== 0) throw new Error(`nft: ${stderr}`);
    return stdout;
  }
}
