import { type Prefix, parsePrefix } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import { parseInterface } from '../../domain/interface.ts';
import {
  type Action,
  actions,
  type Chain,
  chains,
  formatSide,
  type Rule,
  type RuleSpec,
  ruleSpec,
} from '../../domain/rule.ts';

/** A row of a table, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

type SpecColumns = [string, string, string, string, string, string];

export function specColumns(spec: RuleSpec): SpecColumns {
  return [spec.action, spec.chain, spec.in, spec.out, formatSide(spec.source), formatSide(spec.destination)];
}

export function ruleColumns(rule: Rule): [number, ...SpecColumns, number | null, number, string, string] {
  return [rule.seq, ...specColumns(rule), rule.expiresAt, rule.createdAt, rule.origin, rule.comment];
}

function readSide(text: unknown): Prefix | 'any' {
  return text === 'any' ? 'any' : parsePrefix(String(text));
}

function oneOf<T extends string>(values: readonly T[], text: unknown): T {
  const value = values.find((candidate) => candidate === text);
  if (value === undefined)
    throw new RfwError('store-failed', `The stored rules hold ${String(text)}, which is none of ${values.join(', ')}`);
  return value;
}

/** @throws RfwError when somebody else has written it */
export function readSpec(row: Row): RuleSpec {
  return ruleSpec({
    action: oneOf<Action>(actions, row['action']),
    chain: oneOf<Chain>(chains, row['chain']),
    in: parseInterface(String(row['in'])),
    out: parseInterface(String(row['out'])),
    source: readSide(row['source']),
    destination: readSide(row['destination']),
  });
}

/** @throws RfwError when somebody else has written it */
export function readRule(row: Row): Rule {
  return {
    ...readSpec(row),
    seq: Number(row['seq']),
    expiresAt: row['expires_at'] === null ? null : Number(row['expires_at']),
    createdAt: Number(row['created_at']),
    origin: String(row['origin']),
    comment: String(row['comment']),
  };
}
