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

/** Reads what `ruleColumns` gave. @throws RfwError when somebody else has written it */
export function readRule(row: Row): Rule {
  return {
    ...readSpec(row, 1),
    seq: Number(row[0]),
    expiresAt: row[7] === null ? null : Number(row[7]),
    createdAt: Number(row[8]),
    origin: String(row[9]),
    comment: String(row[10]),
  };
}

/** What `RuleReader` reads: seven columns instead of eleven, since each one of a million rows takes its time. */
export const ruleSelection = `seq, source, expires_at, created_at,
  action || ' ' || chain || ' ' || "in" || ' ' || "out" || ' ' || destination, origin, comment`;

type Rest = Pick<RuleSpec, 'action' | 'chain' | 'in' | 'out' | 'destination'>;

/** Reads rows of `ruleSelection`. What they have in common is mostly that of the row before, and read once. */
export class RuleReader {
  #text = '';
  #rest: Rest | undefined;

  /** @throws RfwError when somebody else has written it */
  read(row: Row): Rule {
    const { action, chain, in: into, out, destination } = this.#restOf(String(row[4]));
    const source = readSide(row[1]);
    ruleSpec({ action, chain, in: into, out, source, destination });
    return {
      action,
      chain,
      in: into,
      out,
      source,
      destination,
      seq: Number(row[0]),
      expiresAt: row[2] === null ? null : Number(row[2]),
      createdAt: Number(row[3]),
      origin: String(row[5]),
      comment: String(row[6]),
    };
  }

  #restOf(text: string): Rest {
    if (this.#rest !== undefined && text === this.#text) return this.#rest;
    // None of the words has a blank in it.
    const [action, chain, into = '', out = '', destination] = text.split(' ');
    this.#rest = {
      action: oneOf<Action>(actions, action),
      chain: oneOf<Chain>(chains, chain),
      in: parseInterface(into),
      out: parseInterface(out),
      destination: readSide(destination),
    };
    this.#text = text;
    return this.#rest;
  }
}
