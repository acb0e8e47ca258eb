import { randomBytes } from 'node:crypto';
import { RfwError } from '../../domain/errors.ts';
import type { AuditEntry } from '../../engine/audit.ts';
import type { ConfirmRequest } from '../../engine/confirmations.ts';
import type { Recording } from '../../engine/pending.ts';
import type { DocumentWrite } from '../../engine/store/store.ts';
import { isStill } from '../access/principal.ts';
import { type Effect, recordRefusal, whoAsks } from '../audit.ts';
import type { Answer } from './answer.ts';
import { BodyDigest } from './body-digest.ts';
import { type Fingerprint, fingerprintOf } from './idempotency.ts';
import type { Asked, MutationOptions } from './route.ts';
import type { Services } from './services.ts';

/** A request that changes something. */
export type AskedMutation = Pick<Asked, 'principal' | 'request'> & { readonly mutation: MutationOptions };

/** A change that a route makes. `R` is what the engine says became of it. */
export interface Mutation<R, A extends Answer> {
  /** For the audit log: `rules.put`. */
  readonly operation: string;
  /** What it is done to. */
  readonly target: string;
  /**
   * What the request asks for: a JSON value, or the digest of a body that is read to its end while the change is made. With the
   * path and the query it tells requests apart.
   */
  readonly body: unknown;
  /** What would become of it. Changes nothing. */
  readonly preview: () => Promise<R>;
  /** Makes the change, and stores with it what `recording` gives. */
  readonly make: (recording: (made: R) => Recording, confirm: ConfirmRequest | undefined) => Promise<R>;
  /** Pure. @throws RfwError when it was refused as a whole */
  readonly answer: (made: R) => A;
  /** Pure; undefined where nothing was changed or refused. */
  readonly effect: (made: R) => Effect | undefined;
}

/** The header of a change that waits to be confirmed: its id. */
export const confirmationHeader = 'rfw-confirmation';

/** The header of an answer that only says what would be. */
export const dryRunHeader = 'rfw-dry-run';

/**
 * Makes a change as the request wants it made: only in thought, once for each Idempotency-Key, undone unless it is confirmed; and
 * writes it into the audit log, refused or not.
 */
export async function mutate<R, A extends Answer>(
  asked: AskedMutation,
  services: Services,
  mutation: Mutation<R, A>,
): Promise<A> {
  requireStill(asked);
  const { dryRun, confirm, idempotencyKey } = asked.mutation;
  if (dryRun) return withHeaders(mutation.answer(await mutation.preview()), { [dryRunHeader]: 'true' });
  const request = confirm === undefined ? undefined : confirmRequest(confirm, asked.principal.name);
  const make = (keep: (answer: Answer) => DocumentWrite[]): Promise<A> =>
    makeChange(asked, services, mutation, request, keep);
  if (idempotencyKey === undefined) return make(() => []);
  const id = fingerprintOf(asked.principal.name, idempotencyKey);
  // What was kept is what this route has answered before.
  return services.answers.once(id, fingerprint(asked, mutation.body), make) as Promise<A>;
}

/** A body takes as long as it takes, and meanwhile rights may be taken back. @throws RfwError `forbidden` when they were */
export function requireStill({ principal, request }: Pick<Asked, 'principal' | 'request'>): void {
  if (isStill(principal, request.principalNow())) return;
  throw new RfwError('forbidden', `The rights of ${principal.name} have changed while the request came in: ask again`);
}

function fingerprint({ request: { method, url } }: Pick<Asked, 'request'>, body: unknown): Fingerprint {
  const late = body instanceof BodyDigest ? body : undefined;
  const text = (): string => fingerprintOf(method, url, late?.text ?? body);
  return {
    text,
    whole: async () => {
      await late?.readAll();
      return text();
    },
  };
}

async function makeChange<R, A extends Answer>(
  asked: Pick<Asked, 'principal' | 'request'>,
  services: Services,
  { operation, target, make, answer, effect }: Mutation<R, A>,
  confirm: ConfirmRequest | undefined,
  keep: (answer: Answer) => DocumentWrite[],
): Promise<A> {
  // A client that has gone meanwhile has no address any more.
  const who = whoAsks(asked.request);
  const entry = (of: Effect): AuditEntry => ({ ...who, at: Date.now(), operation, target, ...of });
  // What changed nothing has nothing to confirm.
  const answerTo = (made: R, effected = effect(made)): A =>
    withHeaders(answer(made), confirm && effected ? { [confirmationHeader]: confirm.id } : {});
  const recording = (made: R): Recording => {
    const effected = effect(made);
    const audit = effected === undefined ? [] : [entry(effected)];
    try {
      return { audit, documents: keep(answerTo(made, effected)) };
    } catch {
      // It was refused, and may be tried again with the same key.
      return { audit, documents: [] };
    }
  };
  let made: R;
  try {
    if (confirm !== undefined) services.connections.note(confirm.id, asked.request);
    made = await make(recording, confirm);
  } catch (error) {
    await recordRefusal(services.engine, { ...who, at: Date.now(), operation, target }, error);
    throw error;
  }
  return answerTo(made);
}

function confirmRequest(seconds: number, by: string): ConfirmRequest {
  return { id: randomBytes(12).toString('base64url'), seconds, by };
}

function withHeaders<A extends Answer>(answer: A, headers: Readonly<Record<string, string>>): A {
  return Object.keys(headers).length === 0 ? answer : { ...answer, headers: { ...answer.headers, ...headers } };
}
