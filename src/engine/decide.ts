import { expiryAfter } from '../domain/duration.ts';
import { RfwError } from '../domain/errors.ts';
import { guardKey, type PortGuard } from '../domain/guard.ts';
import type { Rule, RuleSpec } from '../domain/rule.ts';
import { lifelineOf, type Whitelist } from '../domain/whitelist.ts';
import type { Draft } from './draft.ts';

/** Puts a rule above all others, or gives the one that stands a new expiry. */
export interface PutCommand {
  readonly kind: 'put';
  readonly spec: RuleSpec;
  /** Seconds from now; 0 is permanent. */
  readonly expire: number;
  readonly origin: string;
}

export interface DeleteCommand {
  readonly kind: 'delete';
  readonly spec: RuleSpec;
  readonly origin: string;
}

/** Takes out a rule whose time is up. */
export interface ExpireCommand {
  readonly kind: 'expire';
  /** The rule as it was when its expiry was noted; it may be gone by now, or have another expiry. */
  readonly rule: Rule;
}

export type RuleCommand = PutCommand | DeleteCommand | ExpireCommand;

/** What protects the people who run the host. */
export interface Protection {
  readonly whitelist: Whitelist;
  readonly guard: PortGuard | null;
}

/** The identity of a protection as text. */
export function protectionKey({ whitelist, guard }: Protection): string {
  return `${guardKey(guard)} | ${whitelist.entries.map(({ text }) => text).join(' ')}`;
}

/** What became of a put or delete. */
export type RuleOutcome =
  | { readonly status: 'created' | 'exists' | 'updated' | 'deleted'; readonly rule: Rule }
  | { readonly status: 'absent'; readonly spec: RuleSpec };

/** What became of an expiry. */
export type ExpiryOutcome =
  | { readonly status: 'expired'; readonly rule: Rule }
  /** The expiry of a rule that is gone, or has another expiry, or isn't due after all. */
  | { readonly status: 'not-due'; readonly rule: Rule };

export type Outcome = RuleOutcome | ExpiryOutcome;

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
 * @throws RfwError `whitelist-conflict`; the draft is then as it was
 */
export function decide(draft: Draft, command: RuleCommand, circumstances: Circumstances): Outcome {
  if (command.kind === 'expire') return expire(draft, command, circumstances);
  refuseConflict(command.spec, circumstances.whitelist);
  return command.kind === 'put' ? put(draft, command, circumstances) : remove(draft, command);
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
  const expiresAt = expiryAfter(now, command.expire);
  const standing = draft.get(command.spec);
  // A rule whose time is up has ended, even if its removal is still on its way: this one is new and goes on top.
  if (standing !== undefined && !isOver(standing, now)) {
    draft.touch(standing);
    if (standing.expiresAt === expiresAt) return { status: 'exists', rule: standing };
    const rule = { ...standing, expiresAt };
    draft.set(rule);
    return { status: 'updated', rule };
  }
  const rule: Rule = {
    ...command.spec,
    seq: nextSeq(),
    expiresAt,
    createdAt: now,
    origin: command.origin,
    comment: '',
  };
  draft.set(rule);
  return { status: 'created', rule };
}

function remove(draft: Draft, command: DeleteCommand): RuleOutcome {
  const rule = draft.get(command.spec);
  if (rule === undefined) return { status: 'absent', spec: command.spec };
  draft.remove(rule);
  return { status: 'deleted', rule };
}

function expire(draft: Draft, { rule }: ExpireCommand, { now }: Circumstances): ExpiryOutcome {
  const standing = draft.get(rule);
  if (standing === undefined || !isOver(standing, now)) return { status: 'not-due', rule };
  draft.remove(standing);
  return { status: 'expired', rule: standing };
}

/** Whether the rule's time is up. */
export function isOver(rule: Rule, now: number): boolean {
  return rule.expiresAt !== null && rule.expiresAt <= now;
}
