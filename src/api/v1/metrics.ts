import { route } from './route.ts';

/** The metrics, for Prometheus. */
export const metrics = route({
  method: 'GET',
  path: '/metrics',
  operationId: 'getMetrics',
  summary: 'Metrics for Prometheus',
  description:
    'Requests, times of kernel and disk, queue, rules, drift, expiries, packets, refusals, the certificate and the process. No label has an address.',
  tag: 'Service',
  scope: 'metrics:read',
  answers: {
    200: {
      description: 'In the text format of Prometheus',
      type: 'text/plain; version=0.0.4; charset=utf-8',
      example:
        '# HELP rfw_rules Rules that stand\n# TYPE rfw_rules gauge\nrfw_rules{chain="input",action="drop"} 1284\n',
    },
  },
  early: true,
})(async (_asked, services) => ({ status: 200, body: await services.metrics() }));
