import { parsePrefix, quote } from './address.ts';
import { RfwError } from './errors.ts';
import { parseInterface } from './interface.ts';
import { type Action, actions, type Chain, chains, formatSide, type RuleSpec, ruleSpec } from './rule.ts';

/** Stands between the parts of an id. It needs no escape in a URL (RFC 3986, section 2.3), and no part can hold it. */
const separator = '~';

/**
 * The id of a rule: its tuple in a form that a URL takes as it is, `drop~input~any~any~203.0.113.0_24~any`. Whoever knows the
 * tuple knows the id, and nothing has to be looked up to find the rule of an id.
 */
export function ruleId({ action, chain, in: into, out, source, destination }: RuleSpec): string {
  const sides = [source, destination].map((side) => formatSide(side).replace('/', '_'));
  return [action, chain, into, out, ...sides].join(separator);
}

/**
 * The rule that an id is of. Only the canonical form is one: a rule has one id.
 * @throws RfwError `id-invalid`
 */
export function parseRuleId(id: string): RuleSpec {
  const spec = read(id.split(separator));
  if (spec !== undefined && ruleId(spec) === id) return spec;
  throw new RfwError('id-invalid', `Not the id of a rule: ${quote(id)}. Take the id that an answer or a listing gives`);
}

function read([action, chain, into = '', out = '', source = '', destination = '', ...more]: string[]):
  | RuleSpec
  | undefined {
  if (!actions.includes(action as Action) || !chains.includes(chain as Chain) || more.length > 0) return undefined;
  const side = (text: string) => (text === 'any' ? text : parsePrefix(text.replace('_', '/')));
  try {
    return ruleSpec({
      action: action as Action,
      chain: chain as Chain,
      in: parseInterface(into),
      out: parseInterface(out),
      source: side(source),
      destination: side(destination),
    });
  } catch (error) {
    if (error instanceof RfwError) return undefined;
    throw error;
  }
}
