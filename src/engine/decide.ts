import { expiryAfter } from '../domain/duration.ts';
import { asRfwError, RfwError } from '../domain/errors.ts';
import { guardKey, type PortGuard } from '../domain/guard.ts';
import type { Rule, RuleSpec } from '../domain/rule.ts';
import { lifelineOf, type Whitelist } from '../domain/whitelist.ts';
import type { Draft } from './draft.ts';
import type { RuleStep } from './rule-step.ts';

/** Seconds from now, of which 0 is for ever; or an instant in milliseconds since the epoch, where null is never. */
export type Lifetime = number | { readonly until: number | null };

/** What all commands of a caller have. */
interface Asked {
  readonly spec: RuleSpec;
  /** Who asks. */
  readonly origin: string;
  /** Whether the caller may change nothing but rules of the same origin. */
  readonly ownOnly?: boolean;
}

/** Puts a rule above all others, or gives the one that stands a new expiry and comment. */
export interface PutCommand extends Asked {
  readonly kind: 'put';
  readonly expire: Lifetime;
  /** Without one a new rule has none, and the one that stands keeps its own. */
  readonly comment?: string;
}

/** Changes a rule that stands; what isn't given stays. */
export interface PatchCommand extends Asked {
  readonly kind: 'patch';
  readonly expire?: Lifetime;
  readonly comment?: string;
}

export interface DeleteCommand extends Asked {
  readonly kind: 'delete';
}

/** Takes out a rule whose time is up. */
export interface ExpireCommand {
  readonly kind: 'expire';
  /** The rule as it was when its expiry was noted; it may be gone by now, or have another expiry. */
  readonly rule: Rule;
}

/** Takes back what a change has made of a rule, as far as the rule still is the one of that change. */
export interface RevertCommand {
  readonly kind: 'revert';
  readonly step: RuleStep;
}

/** What callers ask for. */
export type AskedCommand = PutCommand | PatchCommand | DeleteCommand;

export type RuleCommand = AskedCommand | ExpireCommand | RevertCommand;

/** What protects the people who run the host. */
export interface Protection {
  readonly whitelist: Whitelist;
  readonly guard: PortGuard | null;
}

/** The identity of a protection as text. */
export function protectionKey({ whitelist, guard }: Protection): string {
  return `${guardKey(guard)} | ${whitelist.entries.map(({ text }) => text).join(' ')}`;
}

/** What became of a put, patch or delete. */
export type RuleOutcome =
  | { readonly status: 'created' | 'exists' | 'deleted'; readonly rule: Rule }
  /** How the rule is and was. */
  | { readonly status: 'updated'; readonly rule: Rule; readonly before: Rule }
  | { readonly status: 'absent'; readonly spec: RuleSpec };

/** What became of an expiry, or of what was to be reverted. */
export type ExpiryOutcome =
  | { readonly status: 'expired'; readonly rule: Rule }
  /** A rule that is gone, or another one by now, or isn't due after all. */
  | { readonly status: 'not-due'; readonly rule: Rule };

export type Outcome = RuleOutcome | ExpiryOutcome;

/** What became of one command, or why it has no effect. */
export type Result = Outcome | RfwError;

/** What a decision may know besides the rules. */
export interface Circumstances {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly whitelist: Whitelist;
  /** The next unused place in the order. */
  readonly nextSeq: () => number;
}

/**
 * Decides one command and enters what it changes into the draft. Pure but for the draft.
 * @throws RfwError `whitelist-conflict`, `expire-invalid`, `not-owner`; the draft is then as it was
 */
export function decide(draft: Draft, command: RuleCommand, circumstances: Circumstances): Outcome {
  if (command.kind === 'expire') return expire(draft, command, circumstances);
  if (command.kind === 'revert') return revert(draft, command, circumstances);
  refuseConflict(command.spec, circumstances.whitelist);
  if (command.kind === 'put') return put(draft, command, circumstances);
  return command.kind === 'patch' ? patch(draft, command, circumstances) : remove(draft, command);
}

/**
 * Decides commands of which all have their effect or none: then the draft is as it was, and those that could have had theirs
 * are refused as `not-applied`.
 */
export function decideAll(
  draft: Draft,
  commands: readonly RuleCommand[],
  atomic: boolean,
  circumstances: Circumstances,
): Result[] {
  const undo = atomic && commands.length > 1 ? draft.mark() : undefined;
  const results = commands.map((command): Result => {
    try {
      return decide(draft, command, circumstances);
    } catch (error) {
      return asRfwError(error);
    }
  });
  if (undo === undefined || !results.some((result) => result instanceof RfwError)) return results;
  undo();
  const aside = new RfwError('not-applied', 'Not done, because something else in this request was refused');
  return results.map((result) => (result instanceof RfwError ? result : aside));
}

function refuseConflict(spec: RuleSpec, whitelist: Whitelist): void {
  if (whitelist.conflict(spec) === undefined) return;
  throw new RfwError('whitelist-conflict', 'Ignoring the request conflicting with the whitelist');
}

/** Blocking what IPv6 finds its neighbours and routers by would cut off whitelisted clients too. */
function refuseLifeline(spec: RuleSpec): void {
  const lifeline = spec.action === 'accept' ? undefined : lifelineOf(spec);
  if (lifeline === undefined) return;
  throw new RfwError(
    'whitelist-conflict',
    `Ignoring the request: it touches ${lifeline.text}, without which IPv6 can't reach this host any more`,
  );
}

function put(draft: Draft, command: PutCommand, { now, nextSeq }: Circumstances): RuleOutcome {
  refuseLifeline(command.spec);
  const expiresAt = endOf(command.expire, now);
  const standing = standingRule(draft, command.spec, now);
  if (standing !== undefined) return change(draft, standing, command, expiresAt);
  const { action, chain, in: into, out, source, destination } = command.spec;
  // Field by field: a spread takes several times as long, a million times.
  const rule: Rule = {
    action,
    chain,
    in: into,
    out,
    source,
    destination,
    seq: nextSeq(),
    expiresAt,
    createdAt: now,
    origin: command.origin,
    comment: command.comment ?? '',
  };
  draft.set(rule);
  return { status: 'created', rule };
}

function patch(draft: Draft, command: PatchCommand, { now }: Circumstances): RuleOutcome {
  const standing = standingRule(draft, command.spec, now);
  if (standing === undefined) return { status: 'absent', spec: command.spec };
  const { expire } = command;
  return change(draft, standing, command, expire === undefined ? standing.expiresAt : endOf(expire, now));
}

/** A rule whose time is up has ended, even if its removal is still on its way: a new one goes on top. */
function standingRule(draft: Draft, spec: RuleSpec, now: number): Rule | undefined {
  const standing = draft.get(spec);
  return standing === undefined || isOver(standing, now) ? undefined : standing;
}

function change(draft: Draft, before: Rule, command: PutCommand | PatchCommand, expiresAt: number | null): RuleOutcome {
  const { comment = before.comment } = command;
  const same = before.expiresAt === expiresAt && before.comment === comment;
  if (!same) refuseForeign(before, command);
  draft.touch(before);
  if (same) return { status: 'exists', rule: before };
  const rule = { ...before, expiresAt, comment };
  draft.set(rule);
  return { status: 'updated', rule, before };
}

/** When something ends. @throws RfwError `expire-invalid` for an instant that is over */
export function endOf(expire: Lifetime, now: number): number | null {
  if (typeof expire === 'number') return expiryAfter(now, expire);
  if (expire.until !== null && expire.until <= now) {
    throw new RfwError('expire-invalid', 'It would have ended already: expiresAt must be in the future');
  }
  return expire.until;
}

function refuseForeign(rule: Rule, { origin, ownOnly }: AskedCommand): void {
  if (ownOnly !== true || rule.origin === origin) return;
  throw new RfwError('not-owner', `The rule is of ${rule.origin}: you may only change your own`);
}

function remove(draft: Draft, command: DeleteCommand): RuleOutcome {
  const rule = draft.get(command.spec);
  if (rule === undefined) return { status: 'absent', spec: command.spec };
  refuseForeign(rule, command);
  draft.remove(rule);
  return { status: 'deleted', rule };
}

function expire(draft: Draft, { rule }: ExpireCommand, { now }: Circumstances): ExpiryOutcome {
  const standing = draft.get(rule);
  if (standing === undefined || !isOver(standing, now)) return { status: 'not-due', rule };
  draft.remove(standing);
  return { status: 'expired', rule: standing };
}

/** A rule that went is not brought back here, since it had a place in the order: see `Standing.reinsert`. */
function revert(draft: Draft, { step }: RevertCommand, { now }: Circumstances): Outcome {
  const { before, after } = step;
  const rule = after ?? before;
  const standing = draft.get(rule);
  if (standing === undefined || standing.seq !== after?.seq) return { status: 'not-due', rule };
  if (before?.seq !== after.seq || isOver(before, now)) {
    draft.remove(standing);
    return { status: 'deleted', rule: standing };
  }
  const former = { ...standing, expiresAt: before.expiresAt, comment: before.comment };
  draft.touch(standing);
  draft.set(former);
  return { status: 'updated', rule: former, before: standing };
}

/** Whether the rule's time is up. */
export function isOver(rule: Rule, now: number): boolean {
  return rule.expiresAt !== null && rule.expiresAt <= now;
}
