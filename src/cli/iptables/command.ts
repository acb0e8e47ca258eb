import { parsePrefix } from '../../domain/address.ts';
import type { Action, Chain, Rule } from '../api-types.ts';
import { usageFailure } from '../failure.ts';
import { prefixOf } from '../reading.ts';

/** What a rule of iptables says, as far as rfw knows it. */
export type Match = Pick<Rule, 'action' | 'chain'> &
  Partial<Pick<Rule, 'source' | 'destination' | 'in' | 'out' | 'comment'>>;

/** A command of iptables that rfw knows. Addresses with commas between them make several rules. */
export type IptablesCommand =
  | { readonly kind: 'insert' | 'delete' | 'check'; readonly rules: readonly Match[] }
  | { readonly kind: 'list'; readonly chain: Chain | undefined };

const chains: Readonly<Record<string, Chain>> = { INPUT: 'input', OUTPUT: 'output', FORWARD: 'forward' };
const actions: Readonly<Record<string, Action>> = { DROP: 'drop', ACCEPT: 'accept', REJECT: 'reject' };

/** The long forms of options. */
const long: Readonly<Record<string, string>> = {
  '--insert': '-I',
  '--append': '-A',
  '--delete': '-D',
  '--check': '-C',
  '--list': '-L',
  '--list-rules': '-S',
  '--flush': '-F',
  '--source': '-s',
  '--src': '-s',
  '--destination': '-d',
  '--dst': '-d',
  '--in-interface': '-i',
  '--out-interface': '-o',
  '--jump': '-j',
  '--match': '-m',
  '--table': '-t',
  '--wait': '-w',
  '--ipv4': '-4',
  '--ipv6': '-6',
  '--numeric': '-n',
  '--verbose': '-v',
};

/** What is to be used in place of what rfw doesn't know. */
const advice: Readonly<Record<string, string>> = {
  '-A': 'rfw puts each new rule above those that stand: use -I, and put what is to be met first last',
  '-F': 'use rfwc flush',
  '-P': 'rfw changes no policy',
  '-N': 'rfw has no chains of users: lists are for many addresses (rfwc list)',
  '-p': 'rfw looks at addresses and interfaces, and not at protocols and ports',
  '--dport': 'rfw looks at addresses and interfaces, and not at protocols and ports',
  '--sport': 'rfw looks at addresses and interfaces, and not at protocols and ports',
  '!': 'rfw has no negation: put a rule that accepts above one that drops',
  '-R': 'delete the rule, and insert another',
};

/** What a table has under a name that may be anything. */
function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/**
 * Reads the words of a command of iptables.
 * @throws Failure `usage` that says which word rfw doesn't know, and what there is instead
 */
export function parseCommand(words: readonly string[]): IptablesCommand {
  return new Parser(words).command();
}

class Parser {
  readonly #words: string[];
  #kind: 'insert' | 'delete' | 'check' | 'list' | undefined;
  #chain: Chain | undefined;
  #family: 4 | 6 | undefined;
  readonly #match: { -readonly [Key in keyof Match]?: Match[Key] } = {};
  #sources: readonly string[] = ['any'];
  #destinations: readonly string[] = ['any'];

  /** How what follows each of them is read. */
  readonly #options: Readonly<Record<string, () => void>> = {
    '-I': () => this.#begin('insert'),
    '-D': () => this.#begin('delete'),
    '-C': () => this.#begin('check'),
    '-S': () => this.#list(),
    '-L': () => this.#list(),
    '-s': () => {
      this.#sources = this.#addresses('-s');
    },
    '-d': () => {
      this.#destinations = this.#addresses('-d');
    },
    '-i': () => {
      this.#match.in = this.#value('-i');
    },
    '-o': () => {
      this.#match.out = this.#value('-o');
    },
    '-j': () => {
      this.#match.action = this.#action(this.#value('-j'));
    },
    '-m': () => this.#module(this.#value('-m')),
    '--comment': () => {
      this.#match.comment = this.#value('--comment');
    },
    '-t': () => this.#table(this.#value('-t')),
    '-4': () => {
      this.#family = 4;
    },
    '-6': () => {
      this.#family = 6;
    },
    '-w': () => {
      // Seconds may follow; rfw always waits.
      if (/^\d+$/.test(this.#words[0] ?? '')) this.#words.shift();
    },
    '-n': () => {},
    '-v': () => {},
  };

  constructor(words: readonly string[]) {
    this.#words = words.map((word) => own(long, word) ?? word);
  }

  command(): IptablesCommand {
    while (this.#words.length > 0) this.#option(this.#words.shift() ?? '');
    if (this.#kind === undefined) throw usageFailure('There is no command: -I, -D, -C, -S or -L');
    if (this.#kind === 'list') return { kind: 'list', chain: this.#chain };
    return { kind: this.#kind, rules: this.#rules() };
  }

  #option(word: string): void {
    const read = own(this.#options, word);
    if (read === undefined) throw this.#unknown(word);
    read();
  }

  #unknown(word: string): Error {
    const instead = own(advice, word);
    return usageFailure(`${word} is nothing that rfw knows of iptables${instead === undefined ? '' : `: ${instead}`}`);
  }

  #begin(kind: 'insert' | 'delete' | 'check'): void {
    this.#once(kind);
    this.#chain = this.#chainOf(this.#value('the command'));
    const [next = ''] = this.#words;
    if (!/^\d+$/.test(next)) return;
    if (kind !== 'insert' || next !== '1')
      throw usageFailure(
        `Rule numbers mean nothing to rfw: a new rule is always the first, and -D takes what a rule says`,
      );
    this.#words.shift();
  }

  #list(): void {
    this.#once('list');
    const [next = '-'] = this.#words;
    if (next.startsWith('-')) return;
    this.#chain = this.#chainOf(next);
    this.#words.shift();
  }

  #once(kind: 'insert' | 'delete' | 'check' | 'list'): void {
    if (this.#kind !== undefined) throw usageFailure('There is more than one command in the line');
    this.#kind = kind;
  }

  #value(option: string): string {
    const value = this.#words.shift();
    if (value === '!') throw this.#unknown('!');
    if (value === undefined || value === '') throw usageFailure(`A word is missing after ${option}`);
    return value;
  }

  #chainOf(name: string): Chain {
    const chain = own(chains, name);
    if (chain === undefined) throw usageFailure(`${name} is no chain of rfw: INPUT, OUTPUT or FORWARD`);
    return chain;
  }

  #action(name: string): Action {
    const action = own(actions, name);
    if (action === undefined) throw usageFailure(`${name} is no target of rfw: DROP, ACCEPT or REJECT`);
    return action;
  }

  #module(name: string): void {
    if (name !== 'comment') throw usageFailure(`-m ${name} is nothing that rfw knows of iptables: only -m comment is`);
  }

  #table(name: string): void {
    if (name !== 'filter') throw usageFailure(`rfw has nothing to do with the table ${name}: only filter is its own`);
  }

  #addresses(option: string): readonly string[] {
    const texts = this.#value(option).split(',');
    // iptables writes a mask after the slash too.
    return texts.map((text) => (/^0\.0\.0\.0\/0$|^::\/0$/.test(text) ? 'any' : prefixOf(withLength(text))));
  }

  #rules(): readonly Match[] {
    const { action } = this.#match;
    if (action === undefined) throw usageFailure('The target is missing: -j DROP, -j ACCEPT or -j REJECT');
    const chain = this.#chain ?? 'input';
    return this.#sources.flatMap((source) =>
      this.#destinations.map((destination) => {
        this.#requireFamily(source, destination);
        return {
          ...this.#match,
          action,
          chain,
          ...(source !== 'any' && { source }),
          ...(destination !== 'any' && { destination }),
        };
      }),
    );
  }

  #requireFamily(...addresses: readonly string[]): void {
    const other = addresses.find(
      (address) => address !== 'any' && parsePrefix(address).family !== (this.#family ?? parsePrefix(address).family),
    );
    if (other !== undefined) throw usageFailure(`${other} is no address of IPv${this.#family}`);
  }
}

/** `10.0.0.0/255.0.0.0` with its length. A mask that has gaps stays as it is, and is refused. */
function withLength(text: string): string {
  const [, address, mask] = /^([\d.]+)\/(\d+\.\d+\.\d+\.\d+)$/.exec(text) ?? [];
  if (address === undefined || mask === undefined) return text;
  const bits = mask
    .split('.')
    .map((octet) => Number(octet).toString(2).padStart(8, '0'))
    .join('');
  return /^1*0*$/.test(bits) && bits.length === 32
    ? `${address}/${bits.indexOf('0') < 0 ? 32 : bits.indexOf('0')}`
    : text;
}
