import {
  hostPrefix,
  isHost,
  type Prefix,
  parseAddress,
  parseLength,
  prefixOf,
  quote,
  widthOf,
} from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import { anyInterface, type InterfacePattern, maxInterfaceName, parseInterface } from '../../domain/interface.ts';
import { type Action, actions, type Chain, chains, type RuleSpec, ruleSpec } from '../../domain/rule.ts';

/** What a path of the 2014 API names. */
export type Resource =
  | { readonly kind: 'usage' }
  | { readonly kind: 'list'; readonly chain?: Chain }
  | { readonly kind: 'rule'; readonly spec: RuleSpec };

/** The shortest prefixes that the API takes, so that a slip can't block half of the Internet. */
const shortestPrefix = { 4: 9, 6: 16 } as const;

/**
 * Reads a path of the 2014 API: `/action/chain/iface1/ip1[/mask1]`, in forward further `[/iface2[/ip2[/mask2]]]`,
 * `/list[/chain]`, or `/`.
 * @throws RfwError `path-invalid` and the codes of what is wrong in its parts
 */
export function parsePath(path: string): Resource {
  const parts = splitPath(path);
  const [first, second] = parts;
  if (first === undefined) return { kind: 'usage' };
  if (first.toLowerCase() !== 'list') return { kind: 'rule', spec: parseRule(first, parts.slice(1)) };
  if (parts.length > 2) throw new RfwError('path-invalid', 'Too many details for the list command');
  return second === undefined ? { kind: 'list' } : { kind: 'list', chain: parseChain(second) };
}

function splitPath(path: string): string[] {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
  if (trimmed === '') return [];
  if (!trimmed.startsWith('/')) throw new RfwError('path-invalid', 'The path must begin with /');
  return trimmed.slice(1).split('/').map(decode);
}

function decode(part: string): string {
  let text: string;
  try {
    text = decodeURIComponent(part);
  } catch (error) {
    throw new RfwError('path-invalid', `Incorrect percent-encoding in ${quote(part)}`, { cause: error });
  }
  if (text === '') throw new RfwError('path-invalid', 'A part of the path is empty');
  return text;
}

function parseAction(text: string): Action {
  const action = actions.find((candidate) => candidate === text.toLowerCase());
  if (action) return action;
  throw new RfwError('action-invalid', `Unrecognized action ${quote(text)}: it must be drop, accept, reject or list`);
}

function parseChain(text: string): Chain {
  const chain = chains.find((candidate) => candidate === text.toLowerCase());
  if (chain) return chain;
  throw new RfwError('chain-invalid', `Wrong chain name ${quote(text)}: it must be input, output or forward`);
}

/** The parts of a rule's path, taken from left to right. */
class Parts {
  readonly #parts: readonly string[];
  #next = 0;

  constructor(parts: readonly string[]) {
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#next >= this.#parts.length;
  }

  peek(): string | undefined {
    return this.#parts[this.#next];
  }

  take(): string {
    const part = this.#parts[this.#next++];
    if (part !== undefined) return part;
    throw new RfwError('path-invalid', 'Not enough details to construct the rule: /action/chain/interface/address');
  }
}

function parseRule(first: string, rest: readonly string[]): RuleSpec {
  const action = parseAction(first);
  const parts = new Parts(rest);
  const chain = parseChain(parts.take());
  const iface1 = parseCompatInterface(parts.take());
  const ip1 = parseSide(parts, chain);
  const two = chain === 'forward';
  const iface2 = two && !parts.isEmpty ? parseCompatInterface(parts.take()) : anyInterface;
  const ip2 = two && !parts.isEmpty ? parseSide(parts, chain) : 'any';
  if (!parts.isEmpty) throw new RfwError('path-invalid', `Too many details for the ${chain} chain`);
  return ruleSpec(
    chain === 'output'
      ? { action, chain, in: anyInterface, out: iface1, source: 'any', destination: ip1 }
      : { action, chain, in: iface1, out: iface2, source: ip1, destination: ip2 },
  );
}

/** `address[/mask]`. In forward the unspecified address means any address. */
function parseSide(parts: Parts, chain: Chain): Prefix | 'any' {
  const text = parts.take();
  const address = parseAddress(text);
  const mask = parts.peek();
  // Only digits can't be an interface here: 2014 read them as a mask too. In input and output nothing else may follow.
  const hasMask = mask !== undefined && (chain !== 'forward' || /^\d+$/.test(mask));
  const prefix = hasMask
    ? prefixOf(address, parseLength(parts.take(), shortestPrefix[address.family], widthOf(address.family)))
    : hostPrefix(address);
  if (address.value !== 0n || !isHost(prefix)) return prefix;
  if (chain === 'forward') return 'any';
  throw new RfwError(
    'address-invalid',
    `${quote(text)}, which means any address, can only be used with the forward chain`,
  );
}

/** In 2014's way a name that doesn't end in a digit means all interfaces whose names begin with it. */
function parseCompatInterface(text: string): InterfacePattern {
  if (text.endsWith('+')) {
    throw new RfwError('interface-invalid', `Incorrect interface name ${quote(text)}: write it without +`);
  }
  const name = parseInterface(text);
  // The longest name has no longer ones to match, and iptables has no room for its +.
  if (name === anyInterface || /\d$/.test(name) || name.length === maxInterfaceName) return name;
  return parseInterface(`${name}+`);
}
