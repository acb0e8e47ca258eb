import type { Repair } from '../backends/backend.ts';
import { RfwError } from '../domain/errors.ts';
import type { Rule } from '../domain/rule.ts';
import { type ListChange, type RuleChange, rfwItself } from './changes.ts';
import type { Result, RuleCommand } from './decide.ts';
import type { List } from './list.ts';

/** What happened in the engine, in the order in which it did. */
export type EngineEvent =
  | { readonly kind: 'created' | 'updated' | 'deleted'; readonly rule: Rule; readonly origin: string }
  /** So many rules were changed by one request. */
  | ({ readonly kind: 'many'; readonly origin: string } & Counts)
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
  /** A change that nobody confirmed was undone, or could not be yet: then it is tried again. */
  | { readonly kind: 'undone'; readonly id: string; readonly by: string; readonly failure: string | undefined }
  /** What became of a list; one that went, as it was. */
  | { readonly kind: ListChange['kind']; readonly list: List; readonly origin: string }
  /** Everything was taken out of the kernel, and all rules and lists, so many, out of the store. */
  | { readonly kind: 'flushed'; readonly rules: number; readonly lists: number };

/** How many rules had each fate. */
interface Counts {
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
}

interface Drift {
  readonly kind: 'drift';
  readonly repair: Repair;
}

/** What happened, as the writer tells it: it doesn't count. */
export type WriterEvent = Exclude<EngineEvent, Drift> | Drift;

/** Changes of one request that are told of one by one. */
const fewChanges = 100;

/** What became of commands, to those who listen. @param changes as `changesOf` gives them */
export function eventsOf(changes: readonly RuleChange[]): WriterEvent[] {
  if (changes.length <= fewChanges) return changes.map(eventOf);
  const counts = { created: 0, updated: 0, deleted: 0, expired: 0, displaced: 0 };
  for (const { kind } of changes) counts[kind]++;
  const { created, updated, deleted } = counts;
  return [{ kind: 'many', origin: changes[0]?.by ?? '', created, updated, deleted }];
}

function eventOf({ kind, rule, by }: RuleChange): WriterEvent {
  return kind === 'expired' || kind === 'displaced' ? { kind, rule } : { kind, rule, origin: by };
}

/** The changes that are recorded of commands: what changed nothing is nothing. */
export function changesOf(commands: readonly RuleCommand[], results: readonly Result[]): RuleChange[] {
  const changes: RuleChange[] = [];
  for (const [index, result] of results.entries()) {
    if (result instanceof RfwError) continue;
    const { status } = result;
    if (status === 'exists' || status === 'not-due' || status === 'absent') continue;
    const command = commands[index];
    const by = command !== undefined && 'origin' in command ? command.origin : rfwItself;
    changes.push({ kind: status, rule: result.rule, by });
  }
  return changes;
}
