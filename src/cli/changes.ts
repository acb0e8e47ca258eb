import type { Api, Asked, OperationId } from './api.ts';
import type { Operations } from './api-types.ts';
import type { Session } from './session.ts';
import type { Target } from './target/endpoint.ts';

/** What a change was answered. */
export interface Changed<Id extends OperationId> {
  readonly value: Operations[Id]['answer'];
  /** What is to be confirmed; undefined where nothing is. */
  readonly confirmation: string | undefined;
}

/**
 * Makes a change as the session makes all of them: only in thought with `--dry-run`, for as long as nobody confirms it with `--confirm`.
 * @throws Failure
 */
export async function change<Id extends OperationId>(
  session: Session,
  api: Api,
  target: Target,
  id: Id,
  asked: Asked<Id>,
): Promise<Changed<Id>> {
  const query = { ...asked.query, ...session.mutation } as Operations[Id]['query'];
  const { value, headers } = await api.answer(id, { ...asked, query });
  const { 'rfw-confirmation': given } = headers;
  const confirmation = typeof given === 'string' ? given : undefined;
  if (confirmation !== undefined) session.toConfirm(target, confirmation);
  return { value, confirmation };
}
