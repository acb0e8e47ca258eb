import type { Packet, Verdict } from '../../../src/backends/memory.ts';
import { type Chain, chains } from '../../../src/domain/rule.ts';
import {
  type Fields,
  fieldsOf,
  isObject,
  type Json,
  listOf,
  objectOf,
  onlyField,
  textOf,
  unknown,
} from './nft-json.fixture.ts';
import { selectorOf, type Test, valueTest } from './nft-match.fixture.ts';

/** What a statement makes of a packet: on to the next one, on to the next rule, back to the caller, or the end of it. */
type Effect = 'next' | 'break' | 'return' | 'accept' | 'drop' | 'reject';

type Statement = (packet: Packet) => Effect;

interface BaseChain {
  readonly name: string;
  readonly hook: Chain;
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
}

/**
 * One table of family inet as `nft -j list ruleset` prints it, and what becomes of packets in it: libnftables-json(5)
 * and nft(8), with nothing of the code that made the table. Whatever it doesn't know it throws.
 */
export class NftRuleset {
  readonly #chains = new Map<string, Statement[][]>();
  readonly #bases: BaseChain[] = [];
  readonly #sets = new Map<string, { type: string; test: Test }>();
  readonly #counters = new Set<string>();
  readonly #after: number;

  /** @param after seconds from now: elements whose time is up by then are gone, as they will be in the kernel */
  constructor(listing: string, after = 0, table = 'rfw') {
    this.#after = after;
    const parsed = fieldsOf(JSON.parse(listing), ['nftables']);
    const objects = listOf(parsed['nftables']).map((object) => onlyField(object));
    const own = objects.filter(([kind, value]) => kind !== 'metainfo' && isIn(kind, value, table));
    const of = (kind: string): Fields[] => own.flatMap(([name, value]) => (name === kind ? [objectOf(value)] : []));
    for (const [kind, value] of own) {
      if (!['table', 'chain', 'set', 'counter', 'rule'].includes(kind)) throw unknown({ [kind]: value });
    }
    for (const counter of of('counter')) this.#counters.add(textOf(counter['name']));
    for (const set of of('set')) this.#addSet(set);
    for (const chain of of('chain')) this.#addChain(chain);
    for (const rule of of('rule')) {
      const expressions = listOf(fieldsOf(rule, ['family', 'table', 'chain', 'handle', 'expr'], ['comment'])['expr']);
      this.#chainOf(textOf(rule['chain'])).push(expressions.map((expression) => this.#statement(expression)));
    }
    this.#bases.sort((a, b) => a.priority - b.priority);
  }

  /** How many chains and rules there are. */
  get size(): number {
    return [...this.#chains.values()].reduce((sum, rules) => sum + 1 + rules.length, 0);
  }

  /** What becomes of the packet; `continue` when it gets to the end of its base chains and nothing decides. */
  verdict(packet: Packet): Verdict {
    let verdict: Verdict = 'continue';
    for (const { name, hook, policy } of this.#bases) {
      if (hook !== packet.chain) continue;
      const effect = this.#run(name, packet);
      if (effect === 'drop' || effect === 'reject') return effect;
      // An accept ends this base chain, and the next one of the hook still has its say.
      if (effect === 'accept') verdict = 'accept';
      else if (policy === 'drop') return 'drop';
    }
    return verdict;
  }

  /** Runs through a chain; `return` is also to reach its end. */
  #run(chain: string, packet: Packet): Exclude<Effect, 'next' | 'break'> {
    for (const statements of this.#chainOf(chain)) {
      const effect = runRule(statements, packet);
      if (effect !== 'next' && effect !== 'break') return effect;
    }
    return 'return';
  }

  #chainOf(name: string): Statement[][] {
    const chain = this.#chains.get(name);
    if (chain === undefined) throw new Error(`nft lists no chain ${name}`);
    return chain;
  }

  #addChain(given: Fields): void {
    const optional = ['type', 'hook', 'prio', 'policy', 'comment'];
    const { name, type, hook, prio, policy } = fieldsOf(given, ['family', 'table', 'name', 'handle'], optional);
    this.#chains.set(textOf(name), []);
    if (hook === undefined) return;
    const known = chains.find((chain) => chain === hook);
    if (known === undefined || type !== 'filter' || typeof prio !== 'number') throw unknown(given);
    if (policy !== 'accept' && policy !== 'drop') throw unknown(given);
    this.#bases.push({ name: textOf(name), hook: known, priority: prio, policy });
  }

  #addSet(given: Fields): void {
    const required = ['family', 'name', 'table', 'type', 'handle'];
    const optional = ['flags', 'elem', 'stmt', 'size', 'policy', 'timeout', 'gc-interval', 'comment'];
    const { name, type, flags = [], elem = [], stmt = [] } = fieldsOf(given, required, optional);
    for (const flag of listOf(flags)) {
      if (!['constant', 'interval', 'timeout', 'dynamic'].includes(textOf(flag))) throw unknown(given);
    }
    for (const statement of listOf(stmt)) if (onlyField(statement)[0] !== 'counter') throw unknown(given);
    const tests = listOf(elem).flatMap((element) => this.#element(element, textOf(type)));
    this.#sets.set(textOf(name), { type: textOf(type), test: (value) => tests.some((test) => test(value)) });
  }

  /** The test of one element; none when its time is up. */
  #element(element: Json, type: string): Test[] {
    if (!isObject(element) || !('elem' in element)) return [valueTest(element, type)];
    const given = onlyField(element)[1];
    const { val, timeout, expires = 0 } = fieldsOf(given, ['val'], ['timeout', 'expires', 'counter', 'comment']);
    // Seconds, rounded down; nft leaves them out when it is less than a millisecond.
    if (typeof expires !== 'number' || !['number', 'undefined'].includes(typeof timeout)) throw unknown(given);
    const isOver = timeout !== undefined && this.#after > 0 && expires <= this.#after;
    return isOver ? [] : [valueTest(val, type)];
  }

  #statement(expression: Json): Statement {
    const [name, value] = onlyField(expression);
    if (name === 'match') return this.#match(value);
    if (name === 'jump' || name === 'goto') {
      const target = textOf(fieldsOf(value, ['target'])['target']);
      const afterwards = name === 'jump' ? 'next' : 'return';
      return (packet) => {
        const effect = this.#run(target, packet);
        return effect === 'return' ? afterwards : effect;
      };
    }
    if (name === 'counter') {
      if (typeof value === 'string' ? !this.#counters.has(value) : !fieldsOf(value, ['packets', 'bytes'])) {
        throw unknown(expression);
      }
      return () => 'next';
    }
    if (name === 'reject') return rejectOf(value);
    if ((name === 'accept' || name === 'drop' || name === 'return') && value === null) return () => name;
    throw unknown(expression);
  }

  #match(value: Json): Statement {
    const { op, left, right } = fieldsOf(value, ['op', 'left', 'right']);
    if (op !== '==' && op !== '!=') throw unknown(value);
    const { type, read } = selectorOf(left);
    const test = this.#operand(right, type);
    return (packet) => {
      const found = read(packet);
      return found !== undefined && test(found) === (op === '==') ? 'next' : 'break';
    };
  }

  #operand(right: Json, type: string): Test {
    if (typeof right === 'string' && right.startsWith('@')) {
      const set = this.#sets.get(right.slice(1));
      if (set === undefined || set.type !== type) throw new Error(`nft lists no set of ${type} called ${right}`);
      return set.test;
    }
    if (!isObject(right) || !('set' in right)) return valueTest(right, type);
    const tests = listOf(onlyField(right)[1]).map((element) => valueTest(element, type));
    return (found) => tests.some((test) => test(found));
  }
}

function runRule(statements: readonly Statement[], packet: Packet): Effect {
  for (const statement of statements) {
    const effect = statement(packet);
    if (effect !== 'next') return effect;
  }
  return 'next';
}

function rejectOf(value: Json): Statement {
  const { type, expr } = fieldsOf(value, ['type'], ['expr']);
  if (type === 'tcp reset' && expr === undefined) return ({ tcp }) => (tcp === undefined ? 'break' : 'reject');
  if (expr !== 'port-unreachable') throw unknown(value);
  if (type === 'icmpx') return () => 'reject';
  if (type !== 'icmp' && type !== 'icmpv6') throw unknown(value);
  // nft leaves out a match of the family when the refusal implies it.
  return ({ source }) => ((source.family === 4) === (type === 'icmp') ? 'reject' : 'break');
}

/** Whether the object belongs to the table. */
function isIn(kind: string, value: Json, table: string): boolean {
  const object = objectOf(value);
  return object['family'] === 'inet' && object[kind === 'table' ? 'name' : 'table'] === table;
}
