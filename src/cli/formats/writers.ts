import type { Action, Chain, CountedRule } from '../api-types.ts';
import { shortOf } from '../reading.ts';

/** The forms in which rules are written. */
export const exportFormats = ['plain', 'json', 'ndjson', 'nft', 'ipset', 'iptables'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Writes rules in a form, one after the other. */
export interface Writer {
  /** Of all forms what comes before the first rule. */
  readonly head: string;
  /** @returns undefined for a rule that the form can't express */
  write(rule: CountedRule): string | undefined;
  /** What comes after the last rule. */
  tail(): string;
}

/** @param now milliseconds since the epoch: what is left of each rule is written, where the form has times */
export function writerOf(format: ExportFormat, now: number): Writer {
  switch (format) {
    case 'plain':
      return {
        head: '',
        write: (rule) => (isBare(rule) ? `${shortOf(addressOf(rule))}\n` : undefined),
        tail: () => '',
      };
    case 'ndjson':
      return { head: '', write: (rule) => `${JSON.stringify(itemOf(rule))}\n`, tail: () => '' };
    case 'json':
      return new JsonWriter();
    case 'nft':
      return new NftWriter(now);
    case 'ipset':
      return new IpsetWriter(now);
    case 'iptables':
      return { head: '', write: (rule) => `${iptablesLine(rule)}\n`, tail: () => '' };
  }
}

/** The address that a rule is about: of two the source. */
function addressOf({ source, destination }: CountedRule): string {
  return source === 'any' ? destination : source;
}

/** Whether a rule is an address, and no more that a set of addresses could not say. */
function isBare({ source, destination, in: into, out }: CountedRule): boolean {
  return into === 'any' && out === 'any' && (source === 'any') !== (destination === 'any');
}

/** A rule as an item of a batch, which makes it anew. */
function itemOf(rule: CountedRule): object {
  const { action, chain, source, destination, in: into, out, expiresAt, comment } = rule;
  return {
    ...{ action, chain },
    ...(source !== 'any' && { source }),
    ...(destination !== 'any' && { destination }),
    ...(into !== 'any' && { in: into }),
    ...(out !== 'any' && { out }),
    ...(expiresAt === null ? { ttl: 'permanent' } : { expiresAt }),
    ...(comment !== '' && { comment }),
  };
}

class JsonWriter implements Writer {
  readonly head = '[';
  #first = true;

  write(rule: CountedRule): string {
    const separator = this.#first ? '\n' : ',\n';
    this.#first = false;
    return separator + JSON.stringify(itemOf(rule));
  }

  tail(): string {
    return '\n]\n';
  }
}

/** Seconds that are left of a rule; 0 for ever. */
function secondsLeft({ expiresAt }: CountedRule, now: number): number {
  return expiresAt === null ? 0 : Math.max(1, Math.ceil((Date.parse(expiresAt) - now) / 1000));
}

const familyOf = (prefix: string): 4 | 6 => (prefix.includes(':') ? 6 : 4);

/** The name of a set for rules of one kind. */
function setName({ action, chain }: CountedRule, family: 4 | 6): string {
  return `${action}_${chain}_ipv${family}`;
}

interface NftSet {
  readonly action: Action;
  readonly chain: Chain;
  readonly family: 4 | 6;
  readonly elements: string[];
}

/**
 * A script for `nft -f`: a table of its own, with a set for each action, chain and family. Which of two rules wins that
 * overlap is not in it, but that accept goes before all others.
 */
class NftWriter implements Writer {
  readonly head = '#!/usr/sbin/nft -f\n';
  readonly #now: number;
  readonly #sets = new Map<string, NftSet>();

  constructor(now: number) {
    this.#now = now;
  }

  write(rule: CountedRule): string | undefined {
    if (!isBare(rule)) return undefined;
    const address = addressOf(rule);
    const family = familyOf(address);
    const name = setName(rule, family);
    const seconds = secondsLeft(rule, this.#now);
    const { elements } = this.#sets.get(name) ?? this.#add(name, { ...rule, family, elements: [] });
    elements.push(`${shortOf(address)}${seconds > 0 ? ` timeout ${seconds}s` : ''}`);
    return '';
  }

  #add(name: string, { action, chain, family, elements }: NftSet): NftSet {
    const set = { action, chain, family, elements };
    this.#sets.set(name, set);
    return set;
  }

  tail(): string {
    const sets = [...this.#sets].map(([name, { family, elements }]) =>
      [
        `  set ${name} {`,
        `    type ipv${family}_addr`,
        '    flags interval,timeout',
        '    auto-merge',
        `    elements = {\n      ${elements.join(',\n      ')}\n    }`,
        '  }',
      ].join('\n'),
    );
    const order: readonly Action[] = ['accept', 'drop', 'reject'];
    const chains = (['input', 'output', 'forward'] as const).flatMap((chain) => {
      const of = [...this.#sets].filter(([, set]) => set.chain === chain);
      if (of.length === 0) return [];
      of.sort(([, a], [, b]) => order.indexOf(a.action) - order.indexOf(b.action));
      const side = chain === 'output' ? 'daddr' : 'saddr';
      const rules = of.map(
        ([name, { family, action }]) => `    ${family === 4 ? 'ip' : 'ip6'} ${side} @${name} ${action}`,
      );
      return [
        [`  chain ${chain} {`, `    type filter hook ${chain} priority filter; policy accept;`, ...rules, '  }'].join(
          '\n',
        ),
      ];
    });
    return `table inet rfw_export {\n${[...sets, ...chains].join('\n')}\n}\n`;
  }
}

/** Lines for `ipset restore`: a set for each action, chain and family. */
class IpsetWriter implements Writer {
  readonly head = '';
  readonly #now: number;
  readonly #made = new Set<string>();

  constructor(now: number) {
    this.#now = now;
  }

  write(rule: CountedRule): string | undefined {
    if (!isBare(rule)) return undefined;
    const address = addressOf(rule);
    const family = familyOf(address);
    // Names of ipset have at most 31 letters, which these are below.
    const name = `rfw_${setName(rule, family)}`;
    const create = this.#made.has(name)
      ? ''
      : `create ${name} hash:net family inet${family === 4 ? '' : '6'} timeout 0 maxelem 4294967295\n`;
    this.#made.add(name);
    // A longer timeout than this is refused (include/linux/netfilter/ipset/ip_set_timeout.h).
    const seconds = Math.min(secondsLeft(rule, this.#now), 2_147_483);
    return `${create}add ${name} ${shortOf(address)} timeout ${seconds}\n`;
  }

  tail(): string {
    return '';
  }
}

const targets: Readonly<Record<Action, string>> = { drop: 'DROP', accept: 'ACCEPT', reject: 'REJECT' };

/** A rule as iptables-save writes one. */
export function iptablesLine({ action, chain, source, destination, in: into, out, comment }: CountedRule): string {
  const words = [
    `-A ${chain.toUpperCase()}`,
    source === 'any' ? '' : `-s ${source}`,
    destination === 'any' ? '' : `-d ${destination}`,
    into === 'any' ? '' : `-i ${into}`,
    out === 'any' ? '' : `-o ${out}`,
    comment === '' ? '' : `-m comment --comment ${quoted(comment)}`,
    `-j ${targets[action]}`,
  ];
  return words.filter(Boolean).join(' ');
}

/** A text as iptables-save quotes it. */
function quoted(text: string): string {
  // iptables takes no more, and refuses the line instead of cutting it.
  const short = Buffer.from(text.replace(/[\r\n]/g, ' '))
    .subarray(0, 255)
    .toString()
    .replace(/\ufffd$/, '');
  return `"${short.replace(/["\\]/g, '\\$&')}"`;
}
