import { route } from './route.ts';
import { Status } from './schemas.ts';

/** How the daemon is, in numbers. */
export const status = route({
  method: 'GET',
  path: '/v1/status',
  operationId: 'getStatus',
  summary: 'How rfw is',
  tag: 'Service',
  scope: 'rules:read',
  answers: {
    200: {
      description: 'How it is at this moment',
      schema: Status,
      example: {
        version: '1.0.0',
        state: 'ready',
        degraded: null,
        backend: 'nftables',
        capabilities: { summary: 'nf_tables of Linux 6.18.5', ipv6: true, lists: true, shortcomings: [] },
        rules: 1284,
        lists: 3,
        drifts: 0,
        queue: 0,
        startedAt: '2026-01-31T12:00:00.000Z',
        uptime: 86400,
        memory: { rss: 92274688, heapUsed: 21430272 },
        urls: ['http://127.0.0.1:7390', 'http://[::1]:7390', 'https://192.0.2.1:7393'],
      },
    },
  },
})(async (_asked, services) => ({ status: 200, body: services.status() }));
