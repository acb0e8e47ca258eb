import type { Backend, ListCount } from '../backends/backend.ts';
import type { AddressSet } from '../domain/address-set.ts';
import type { ListName } from '../domain/list.ts';
import { type Action, actions } from '../domain/rule.ts';
import { type ListChange, listChange, rfwItself } from './changes.ts';
import type { Clock } from './clock.ts';
import type { Confirmations, ConfirmRequest } from './confirmations.ts';
import { type DecidedList, decideList, isAlike, type ListCommand, type ListOutcome } from './decide-list.ts';
import type { WriterEvent } from './events.ts';
import type { List } from './list.ts';
import type { ListStep } from './list-step.ts';
import { isOver, type Lists, listDeletions } from './lists.ts';
import type { Recording } from './pending.ts';
import type { Undo } from './undo.ts';
import type { Writer } from './writer.ts';

export interface ListingOptions {
  readonly backend: Pick<Backend, 'listCounts'>;
  readonly clock: Clock;
  readonly writer: Writer;
  readonly confirmations: Confirmations;
  /** Runs a task between two batches. */
  readonly alone: <T>(task: () => Promise<T>) => Promise<T>;
  readonly onEvent: (event: WriterEvent) => void;
}

const nothing: Undo = { rules: [] };

/** A change of one list that is to be made. */
interface Change {
  readonly kind: ListChange['kind'];
  /** The list as it is then; one that goes, as it was. */
  readonly list: List;
  readonly before: List | undefined;
  readonly next: Lists;
}

/** The lists: reads them, and makes changes of one at a time. */
export class Listing {
  readonly #options: ListingOptions;

  constructor(options: ListingOptions) {
    this.#options = options;
  }

  /** Those that a packet meets first come first. */
  get all(): readonly List[] {
    return this.#lists.all(this.#now);
  }

  get(name: ListName): List | undefined {
    return this.#lists.get(name, this.#now);
  }

  /** What the whitelist keeps out of a list. */
  cutOf(name: ListName): AddressSet {
    return this.#lists.cutOf(name);
  }

  /** How many entries the lists of each action have. */
  entriesByAction(): ReadonlyMap<Action, number> {
    const entries = (action: Action): number =>
      this.all.reduce((sum, list) => sum + (list.action === action ? list.addresses.prefixCount() : 0), 0);
    return new Map(actions.map((action) => [action, entries(action)]));
  }

  /** What the lists that are in the kernel have met. @throws RfwError `kernel-refused`, `kernel-unavailable` */
  counts(): Promise<readonly ListCount[]> {
    return this.#options.backend.listCounts();
  }

  /** What would become of a command if it came now. Changes nothing. @throws RfwError as `write`, but for kernel and disk */
  preview(command: ListCommand): Promise<ListOutcome> {
    return this.#options.alone(async () => this.#decide(command).outcome);
  }

  /**
   * Changes a list. The promise resolves when that is enforced and durable.
   * @param recordingOf what is stored with it
   * @param confirm has it undone, unless it is confirmed in time
   * @throws RfwError `precondition-failed`, `not-owner`, `list-invalid`, `list-refused`, `interface-invalid`, `expire-invalid`,
   * `lists-unsupported`, and those of a change of rules; then all is as it was
   */
  write(
    command: ListCommand,
    recordingOf: (outcome: ListOutcome) => Recording,
    confirm?: ConfirmRequest,
  ): Promise<ListOutcome> {
    const { confirmations, alone } = this.#options;
    const make = async (): Promise<ListOutcome> => {
      const decided = this.#decide(command);
      const change = changeOf(decided);
      const undo = change === undefined ? nothing : { rules: [], lists: [stepOf(change)] };
      const recording = recordingOf(decided.outcome);
      const guarded = confirm === undefined ? recording : confirmations.with(recording, confirm, undo);
      if (change === undefined) await this.#options.writer.lists.write(decided.next, guarded);
      else await this.#make(change, command.origin, guarded);
      return decided.outcome;
    };
    return confirmations.around(confirm, () => alone(make));
  }

  /**
   * Brings lists back to how they were before a change, but those that are others by now: that were deleted since, or made anew.
   * Only between two batches.
   */
  async restore(steps: readonly ListStep[]): Promise<void> {
    for (const step of steps) {
      const change = this.#undoing(step);
      if (change !== undefined) await this.#make(change, rfwItself, {});
    }
  }

  /** What takes a change back; undefined when it is taken back already, or there is nothing to take back any more. */
  #undoing({ name, before, place }: ListStep): Change | undefined {
    const lists = this.#lists;
    const now = this.#now;
    const current = lists.get(name, now);
    if (current?.place !== place) return undefined;
    if (before === undefined || isOver(before, now)) {
      return current && { kind: 'list-deleted', list: current, before: current, next: lists.without(name) };
    }
    if (current !== undefined && isAlike(before, current)) return undefined;
    const list = { ...before, version: lists.nextVersion(), updatedAt: now };
    return { kind: 'list-replaced', list, before: current, next: lists.with(list) };
  }

  async #make(change: Change, by: string, recording: Recording): Promise<void> {
    const { kind, list, before, next } = change;
    const own = kind === 'list-deleted' ? listDeletions(list.name) : next.documents(list, before);
    const documents = [...own, ...(recording.documents ?? [])];
    await this.#options.writer.lists.write(next, { ...recording, documents, changes: [listChange(kind, list, by)] });
    this.#options.onEvent({ kind, list, origin: by });
  }

  #decide(command: ListCommand): DecidedList {
    return decideList(this.#lists, command, this.#now);
  }

  get #lists(): Lists {
    return this.#options.writer.standing.lists;
  }

  get #now(): number {
    return this.#options.clock.wall();
  }
}

function changeOf({ outcome, next }: DecidedList): Change | undefined {
  const { status } = outcome;
  if (status === 'absent' || status === 'unchanged') return undefined;
  if (status === 'deleted') return { kind: 'list-deleted', list: outcome.before, before: outcome.before, next };
  const { list, before } = outcome;
  return { kind: status === 'changed' ? 'list-changed' : 'list-replaced', list, before, next };
}

function stepOf({ kind, list, before }: Change): ListStep {
  return { name: list.name, before, place: kind === 'list-deleted' ? undefined : list.place };
}
