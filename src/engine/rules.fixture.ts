import { type Prefix, parsePrefix } from '../domain/address.ts';
import { parseInterface } from '../domain/interface.ts';
import { type Action, type Chain, type Rule, type RuleSpec, ruleKey, ruleSpec } from '../domain/rule.ts';
import { parseWhitelist, type Whitelist } from '../domain/whitelist.ts';
import type { Store, StoredState } from './store/store.ts';

const side = (text: string): Prefix | 'any' => (text === 'any' ? text : parsePrefix(text));

/** The tuple that `ruleKey` writes as `text`; a lone address or prefix is dropped in input on every interface. */
export function spec(text: string): RuleSpec {
  const words = text.includes(' ') ? text.split(' ') : ['drop', 'input', 'any', 'any', text, 'any'];
  const [action = '', chain = '', into = '', out = '', source = '', destination = ''] = words;
  return ruleSpec({
    action: action as Action,
    chain: chain as Chain,
    in: parseInterface(into),
    out: parseInterface(out),
    source: side(source),
    destination: side(destination),
  });
}

/** A rule as it is stored. */
export function rule(seq: number, text: string, expiresAt: number | null = null): Rule {
  return { ...spec(text), seq, expiresAt, createdAt: 1000 * seq, origin: 'test', comment: '' };
}

/** The text that `dump` gives for these rules of one chain, newest first. */
export function dumped(...texts: readonly string[]): string {
  return texts.map((text) => ruleKey(spec(text))).join('\n');
}

export function whitelist(...entries: readonly string[]): Whitelist {
  return parseWhitelist(entries.join('\n'), 'white.list');
}

/** What a store has, with its rules read. */
export async function loaded(store: Store): Promise<StoredState & { readonly rules: readonly Rule[] }> {
  const state = await store.load();
  return { ...state, rules: [...state.rules] };
}
