import { Type } from 'typebox';
import { RfwError } from '../../domain/errors.ts';
import { may } from '../access/principal.ts';
import { whoAsks } from '../audit.ts';
import { route } from './route.ts';
import { timestamp } from './rule-json.ts';
import { closed, Timestamp } from './schemas.ts';

const ConfirmationId = Type.String({ $id: 'ConfirmationId', pattern: '^[A-Za-z0-9_-]{16}$' });

const Confirmation = closed(
  {
    id: ConfirmationId,
    deadline: Timestamp,
    origin: Type.String({ description: 'Who asked for the change' }),
  },
  { $id: 'Confirmation' },
);

const example = { id: 'nW2cTzB4uGf0pQ8x', deadline: '2026-01-31T12:02:00.000Z', origin: 'token:detector' };

/** Whoever may change rules may see which changes wait. */
export const listConfirmations = route({
  method: 'GET',
  path: '/v1/confirmations',
  operationId: 'listConfirmations',
  summary: 'Changes that wait to be confirmed',
  tag: 'Changes',
  scope: 'rules:read',
  answers: {
    200: {
      description: 'Those that wait, the earliest deadline first',
      schema: closed({ items: Type.Array(Confirmation) }),
      example: { items: [example] },
    },
  },
})(async (_asked, { engine }) => {
  const items = engine.confirmations.waiting.map(({ id, by, deadline }) => ({
    id,
    deadline: timestamp(deadline),
    origin: by,
  }));
  return { status: 200, body: { items } };
});

/** Lets a change stand for good. */
export const confirm = route({
  method: 'POST',
  path: '/v1/confirmations/{id}',
  operationId: 'confirm',
  summary: 'Confirms a change that was made with confirm',
  description:
    'The change then stands for good. It has to come over a new connection: one that stands already says nothing about whether you still get through.',
  tag: 'Changes',
  scope: 'public',
  params: closed({ id: ConfirmationId }),
  problems: ['not-found', 'same-connection', 'forbidden', 'store-failed', 'stopping'],
  answers: { 204: { description: 'It stands' } },
})(async ({ params: { id }, principal, request }, { engine, connections }) => {
  const waiting = engine.confirmations.waiting.find((each) => each.id === id);
  if (waiting === undefined)
    throw new RfwError('not-found', 'No change waits for this confirmation: it was confirmed, or undone already');
  if (!may(principal, 'admin') && waiting.by !== principal.name)
    throw new RfwError('forbidden', `The change is of ${waiting.by}, who has to confirm it`);
  if (connections.isSame(id, request)) {
    throw new RfwError(
      'same-connection',
      'Confirm over a new connection, not over the one that made the change: only that shows that you still get through',
    );
  }
  const audit = { ...whoAsks(request), operation: 'confirmations.confirm', target: id };
  const done = await engine.confirmations.confirm(id, {
    audit: [{ ...audit, before: null, after: null, result: 'confirmed' }],
  });
  if (!done) throw new RfwError('not-found', 'The change was undone before the confirmation came');
  connections.forget(id);
  return { status: 204, body: undefined };
});
