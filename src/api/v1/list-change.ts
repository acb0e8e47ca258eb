import { Type } from 'typebox';
import type { ErrorCode } from '../../domain/errors.ts';
import { parseListName } from '../../domain/list.ts';
import type { ListReport } from '../../domain/list-entries.ts';
import type { GivenProperties, ListCommand, ListOutcome } from '../../engine/decide-list.ts';
import { ownOnly, type Principal, refuseListBeyondLimits } from '../access/principal.ts';
import type { Effect } from '../audit.ts';
import type { Answer } from './answer.ts';
import { conditionOf, etag } from './conditions.ts';
import { cutJson, listJson, reportJson } from './list-json.ts';
import { noList } from './lists.ts';
import { type AskedMutation, mutate } from './mutation.ts';
import { secondsOf } from './rule-json.ts';
import type { Services } from './services.ts';

/** What every change of a list may be refused for. */
export const listProblems: readonly ErrorCode[] = [
  ...(['list-invalid', 'list-refused', 'interface-invalid', 'expire-invalid', 'beyond-limits', 'not-owner'] as const),
  ...(['precondition-failed', 'key-reused', 'lists-unsupported', 'unsupported'] as const),
  ...(['kernel-refused', 'kernel-unavailable', 'store-failed'] as const),
];

export const etagHeader = { etag: 'The version of the list, in quotes' };

export const ifMatch = 'ETags, or *: the list is changed only when it is one of these, else 412';

export const allowEmpty = Type.Optional(
  Type.Boolean({ default: false, description: 'Whether the list may come to have no entries at all' }),
);

/** Bytes: JSON is in memory as a whole. */
export const jsonLimit = 8 * 1024 * 1024;

/** A request that changes a list. */
export type AskedChange = AskedMutation & { readonly params: { readonly name: string } };

/** What all commands of a request say of who asks, and on what condition. */
export function asking({ params, principal, request }: AskedChange, { expire }: GivenProperties) {
  const ttl = expire === undefined ? undefined : secondsOf(expire, Date.now());
  return {
    name: parseListName(params.name),
    origin: principal.name,
    ownOnly: ownOnly(principal),
    condition: conditionOf(request.headers),
    allow: allowed(principal, ttl),
  };
}

/** A new list that doesn't say how long it lasts is permanent. */
function allowed(principal: Principal, ttl: number | undefined): NonNullable<ListCommand['allow']> {
  return (list, before) => {
    // What it is now must be within the limits too, or it could be turned into its opposite.
    if (before !== undefined) refuseListBeyondLimits(principal, before, 'unchanged');
    refuseListBeyondLimits(principal, list, ttl ?? (before === undefined ? null : 'unchanged'));
  };
}

interface Change {
  /** For the audit log. */
  readonly operation: string;
  readonly command: ListCommand;
  /** A JSON value that tells what is asked for. */
  readonly identity: unknown;
  /** @throws RfwError when what is asked for is nothing that a list may have */
  readonly refuse?: () => void;
}

/** An outcome that says something about a list. */
type Told = Exclude<ListOutcome, { status: 'absent' }>;

/** Makes a change of one list. @param answer to what became of it */
export function changeList<A extends Answer>(
  asked: AskedChange,
  services: Services,
  { operation, command, identity, refuse = () => {} }: Change,
  answer: (outcome: Told) => A,
): Promise<A> {
  const { listing } = services.engine;
  return mutate<ListOutcome, A>(asked, services, {
    operation,
    target: command.name,
    body: { condition: command.condition, identity },
    preview: async () => {
      refuse();
      return listing.preview(command);
    },
    make: async (recording, confirm) => {
      refuse();
      return listing.write(command, recording, confirm);
    },
    answer: (outcome) => {
      if (outcome.status === 'absent') throw noList(command.name);
      return answer(outcome);
    },
    effect: effectOf,
  });
}

/** The answer to a change of a list that was there. */
export function ok(outcome: Told, report?: ListReport) {
  return { status: 200, ...told(outcome, report) } as const;
}

/** Body and headers of an answer. */
export function told(outcome: Told, report?: ListReport) {
  if (outcome.status === 'deleted') return { body: { status: outcome.status, list: listJson(outcome.before) } };
  const { status, list, cut } = outcome;
  return {
    body: { status, list: listJson(list), cut: cutJson(cut), ...(report && { report: reportJson(report) }) },
    headers: { etag: etag(list.version) },
  };
}

/** What became of a list, as the audit log has it; undefined where nothing did. */
function effectOf(outcome: ListOutcome): Effect | undefined {
  if (outcome.status === 'absent' || outcome.status === 'unchanged') return undefined;
  const { status, before } = outcome;
  return {
    before: before === undefined ? null : listJson(before),
    after: status === 'deleted' ? null : listJson(outcome.list),
    result: status,
  };
}
