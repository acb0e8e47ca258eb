import { RfwError } from '../../domain/errors.ts';
import { route } from './route.ts';
import { Health } from './schemas.ts';

/** Whether the process answers at all. */
export const live = route({
  method: 'GET',
  path: '/v1/health/live',
  operationId: 'getLive',
  summary: 'Whether rfw runs',
  description: 'For whoever restarts what has died: it answers as long as rfw takes requests, also while it starts.',
  tag: 'Service',
  scope: 'public',
  answers: { 200: { description: 'It runs', schema: Health, example: { status: 'live' } } },
  early: true,
})(async () => ({ status: 200, body: { status: 'live' } }));

/** Whether the kernel holds the rules and changes are taken. */
export const ready = route({
  method: 'GET',
  path: '/v1/health/ready',
  operationId: 'getReady',
  summary: 'Whether rfw enforces its rules and takes changes',
  description:
    'It does not while it starts or stops, nor while it is degraded: then the kernel refuses to be brought to the rules, what was last enforced stays, and rfw tries again by itself.',
  tag: 'Service',
  scope: 'public',
  answers: { 200: { description: 'It does', schema: Health, example: { status: 'ready' } } },
  problems: ['starting', 'degraded'],
  early: true,
})(async (_asked, services) => {
  const now = services.condition();
  if (now.state === 'starting') throw new RfwError('starting', 'rfw is starting: try again in a moment');
  if (now.state === 'degraded') throw new RfwError('degraded', now.reason);
  return { status: 200, body: { status: 'ready' } };
});
