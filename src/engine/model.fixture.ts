import { parsePrefix } from '../domain/address.ts';
import { guardKey } from '../domain/guard.ts';
import { type RuleKey, ruleKey } from '../domain/rule.ts';
import type { Protection } from './decide.ts';
import { protection } from './engine.fixture.ts';
import { ListModel } from './list-model.fixture.ts';
import { spec } from './rules.fixture.ts';

/** The rules that the model knows: of every chain, overlapping, some of them in conflict with some whitelist. */
export const universe = [
  '10.0.0.1',
  '10.0.0.2',
  'accept input any any 10.0.0.0/24 any',
  'reject output any eth0 any 10.0.0.1',
  'drop forward any any 10.0.0.1 172.16.0.0/16',
  'drop input eth0 any 2001:db8::1 any',
] as const;

const allowed = [parsePrefix('192.0.2.1')];

export const protections: readonly Protection[] = [
  protection(['192.0.2.1']),
  protection(['10.0.0.1'], { port: 7393, allowed }),
  protection(['2001:db8::/32', '172.16.9.9'], { port: 7394, allowed }),
];

export type Op =
  | { readonly kind: 'put'; readonly rule: number; readonly expire: number }
  | { readonly kind: 'delete'; readonly rule: number };

interface Standing {
  readonly rule: number;
  expiresAt: number | null;
  /** Put by the batch that is being worked on. */
  fresh: boolean;
}

/** What rfw promises, as simply as it can be said: a list. */
export class Model {
  /** Newest first. */
  list: Standing[] = [];
  protection = protections[0] as Protection;
  readonly refused = new Set<number>();
  readonly lists = new ListModel();

  /** What an op is answered when nothing goes wrong; the model follows it. */
  take(op: Op): string {
    if (this.protection.whitelist.conflict(specOf(op.rule)) !== undefined) return 'whitelist-conflict';
    const standing = this.list.find(({ rule }) => rule === op.rule);
    if (op.kind === 'delete') {
      this.list = this.list.filter((kept) => kept !== standing);
      return standing === undefined ? 'absent' : 'deleted';
    }
    const expiresAt = op.expire === 0 ? null : Date.now() + op.expire * 1000;
    if (standing === undefined) {
      this.list.unshift({ rule: op.rule, expiresAt, fresh: true });
      return 'created';
    }
    const status = standing.expiresAt === expiresAt ? 'exists' : 'updated';
    standing.expiresAt = expiresAt;
    return status;
  }

  /** What the ops of one batch are answered when the kernel refuses some rules: together, or else in halves. */
  takeBatch(ops: readonly Op[]): string[] {
    const before = this.save();
    const answers = ops.map((op) => this.take(op));
    const bad = this.list.some(({ rule, fresh }) => fresh && this.refused.has(rule));
    for (const standing of this.list) standing.fresh = false;
    if (!bad) return answers;
    this.restore(before);
    // What the whitelist protects has its answer already, and is in no half.
    const waiting = ops.filter((_, at) => answers[at] !== 'whitelist-conflict');
    const middle = waiting.length >> 1;
    const again =
      middle === 0
        ? ['kernel-refused']
        : [...this.takeBatch(waiting.slice(0, middle)), ...this.takeBatch(waiting.slice(middle))];
    return answers.map((answer) => (answer === 'whitelist-conflict' ? answer : (again.shift() ?? '')));
  }

  /** What would be answered, without doing it. */
  foresee(op: Op): string {
    const before = this.save();
    const [status = ''] = this.takeBatch([op]);
    this.restore(before);
    return status;
  }

  /** The rules that have to go under another protection. */
  protect(next: Protection): number {
    const remaining = this.list.filter(({ rule }) => next.whitelist.conflict(specOf(rule)) === undefined);
    const displaced = this.list.length - remaining.length;
    this.list = remaining;
    this.protection = next;
    return displaced;
  }

  expire(): void {
    this.lists.expire();
    this.list = this.list.filter(({ expiresAt }) => expiresAt === null || expiresAt > Date.now());
  }

  moveExpiries(milliseconds: number): void {
    this.lists.moveExpiries(milliseconds);
    for (const standing of this.list) if (standing.expiresAt !== null) standing.expiresAt += milliseconds;
  }

  /** What the kernel holds for rfw, as `dump` says it. */
  dump(): string {
    const { guard } = this.protection;
    const lines = ['input', 'output', 'forward'].flatMap((chain) =>
      this.list.map(({ rule }) => keyOf(rule)).filter((key) => key.split(' ')[1] === chain),
    );
    const guards = guard === null ? [] : [`guard ${guardKey(guard)}`];
    return [...guards, ...lines].join('\n');
  }

  /** What the disk holds, newest first. */
  stored(): { key: RuleKey; expiresAt: number | null }[] {
    return this.list.map(({ rule, expiresAt }) => ({ key: keyOf(rule), expiresAt }));
  }

  save(): Standing[] {
    return this.list.map((standing) => ({ ...standing }));
  }

  restore(list: Standing[]): void {
    this.list = list;
  }
}

export function textOf(rule: number): string {
  return universe[rule] ?? universe[0];
}

export function keyOf(rule: number): RuleKey {
  return ruleKey(specOf(rule));
}

function specOf(rule: number) {
  return spec(textOf(rule));
}
