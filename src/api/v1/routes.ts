import { batchRules } from './batch.ts';
import { confirm, listConfirmations } from './confirmations.ts';
import { documentRoutes } from './documents.ts';
import { live, ready } from './health.ts';
import { metrics } from './metrics.ts';
import type { Route } from './route.ts';
import { deleteRule, patchRule, putRule } from './rule-changes.ts';
import { getRule, listRules } from './rules.ts';
import { status } from './status.ts';

/** All routes of /v1, in the order of the documentation. */
export const routes: readonly Route[] = [
  listRules,
  putRule,
  batchRules,
  getRule,
  patchRule,
  deleteRule,
  listConfirmations,
  confirm,
  status,
  live,
  ready,
  metrics,
  ...documentRoutes(() => routes),
];
