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

/** The columns of a row, in the order of the table. */
export type Row = readonly unknown[];

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
export function readSpec(row: Row, from = 0): RuleSpec {
  return ruleSpec({
    action: oneOf<Action>(actions, row[from]),
    chain: oneOf<Chain>(chains, row[from + 1]),
    in: parseInterface(String(row[from + 2])),
    out: parseInterface(String(row[from + 3])),
    source: readSide(row[from + 4]),
    destination: readSide(row[from + 5]),
  });
}

/** @throws RfwError when somebody else has written it */
export function readRule(row: Row): Rule {
  const { action, chain, in: into, out, source, destination } = readSpec(row, 1);
  const expiresAt = row[7];
  return {
    action,
    chain,
    in: into,
    out,
    source,
    destination,
    seq: Number(row[0]),
    expiresAt: expiresAt === null ? null : Number(expiresAt),
    createdAt: Number(row[8]),
    origin: String(row[9]),
    comment: String(row[10]),
  };
}
