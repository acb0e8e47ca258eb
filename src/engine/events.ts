import type { Repair } from '../backends/backend.ts';
import type { Rule } from '../domain/rule.ts';
import type { Outcome, RuleCommand } from './decide.ts';

/** What happened in the engine, in the order in which it did. */
export type EngineEvent =
  | { readonly kind: 'created' | 'updated' | 'deleted'; readonly rule: Rule; readonly origin: string }
  /** Its time was up. */
  | { readonly kind: 'expired'; readonly rule: Rule }
  /** It had to go because of a new whitelist. */
  | { readonly kind: 'displaced'; readonly rule: Rule }
  /** Somebody else had changed what rfw put into the kernel; it is repaired, so many times by now since the start. */
  | (Drift & { readonly count: number })
  /** The wall clock was set by so many milliseconds; the expiries moved along. */
  | { readonly kind: 'clock-set'; readonly milliseconds: number }
  /** The kernel can't be brought to what it should hold. */
  | { readonly kind: 'degraded'; readonly reason: string }
  | { readonly kind: 'recovered' }
  /** Everything was taken out of the kernel, and all rules, so many, out of the store. */
  | { readonly kind: 'flushed'; readonly rules: number };

interface Drift {
  readonly kind: 'drift';
  readonly repair: Repair;
}

/** What happened, as the writer tells it: it doesn't count. */
export type WriterEvent = Exclude<EngineEvent, Drift> | Drift;

/** What a command that had this outcome is to those who listen; undefined when it changed nothing. */
export function eventOf(command: RuleCommand, outcome: Outcome): WriterEvent | undefined {
  if (outcome.status === 'expired') return { kind: 'expired', rule: outcome.rule };
  if (command.kind === 'expire' || outcome.status === 'absent') return undefined;
  if (outcome.status === 'exists' || outcome.status === 'not-due') return undefined;
  return { kind: outcome.status, rule: outcome.rule, origin: command.origin };
}
