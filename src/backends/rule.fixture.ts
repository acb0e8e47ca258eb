import { parsePrefix } from '../domain/address.ts';
import type { PortGuard } from '../domain/guard.ts';
import { parseInterface } from '../domain/interface.ts';
import type { EnforcedList } from '../domain/list.ts';
import { type Action, actions, type Chain, chains, type Rule, type RuleSpec, ruleSpec } from '../domain/rule.ts';
import { type Backend, type Change, type Desired, everyState, type RuleState } from './backend.ts';

/** A rule's identity from `action chain in out source destination`, as `ruleKey` writes it. */
export function spec(text: string): RuleSpec {
  const [action = '', chain = '', into = '', out = '', source = '', destination = ''] = text.split(' ');
  return ruleSpec({
    action: oneOf<Action>(actions, action),
    chain: oneOf<Chain>(chains, chain),
    in: parseInterface(into),
    out: parseInterface(out),
    source: source === 'any' ? 'any' : parsePrefix(source),
    destination: destination === 'any' ? 'any' : parsePrefix(destination),
  });
}

function oneOf<T extends string>(all: readonly T[], text: string): T {
  const found = all.find((one) => one === text);
  if (found === undefined) throw new Error(`Not one of ${all.join(', ')}: ${text}`);
  return found;
}

export function rule(text: string): Rule {
  return { ...spec(text), seq: 1, expiresAt: null, createdAt: 0, origin: 'test', comment: '' };
}

/** A change of rules given as text, oldest first. */
export function change(of: Partial<Record<keyof Change, readonly string[]>>): Change {
  return {
    add: (of.add ?? []).map(rule),
    remove: (of.remove ?? []).map(spec),
    refresh: (of.refresh ?? []).map(rule),
    renew: (of.renew ?? []).map(rule),
  };
}

export function guard(port: number, ...allowed: readonly string[]): PortGuard {
  return { port, allowed: allowed.map(parsePrefix) };
}

interface DesiredText {
  /** Oldest first. */
  readonly rules?: readonly string[];
  readonly guard?: PortGuard | null;
  readonly whitelist?: readonly string[];
  readonly lists?: readonly EnforcedList[];
  readonly staleRules?: readonly string[];
  readonly staleGuards?: readonly PortGuard[];
}

/** A desired state with rules given as text. */
export function desired(of: DesiredText): Desired {
  return {
    rules: (of.rules ?? []).map(rule),
    guard: of.guard ?? null,
    whitelist: (of.whitelist ?? []).map(parsePrefix),
    lists: of.lists ?? [],
    stale: { rules: (of.staleRules ?? []).map(spec), guards: of.staleGuards ?? [] },
  };
}

/** All that the backend reads. @param standing the rules that stand, oldest first */
export async function readAll(backend: Backend, standing: readonly string[] = []): Promise<RuleState[]> {
  return everyState(backend.read(standing.map(spec).reverse()));
}
