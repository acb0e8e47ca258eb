import { listAudit } from './audit.ts';
import { batchRules } from './batch.ts';
import { check } from './check.ts';
import { confirm, listConfirmations } from './confirmations.ts';
import { documentRoutes } from './documents.ts';
import { listChanges, snapshot, streamEvents } from './events.ts';
import { live, ready } from './health.ts';
import { deleteList, patchList } from './list-changes.ts';
import { putList } from './list-replacement.ts';
import { getList, listLists } from './lists.ts';
import { metrics } from './metrics.ts';
import type { Route } from './route.ts';
import { deleteRule, patchRule, putRule } from './rule-changes.ts';
import { deleteRules } from './rule-deletion.ts';
import { getRule, listRules } from './rules.ts';
import { status } from './status.ts';
import { createToken, listTokens, revokeToken } from './tokens.ts';
import { addWhitelistEntry, listWhitelist, removeWhitelistEntry } from './whitelist.ts';

/** All routes of /v1, in the order of the documentation. */
export const routes: readonly Route[] = [
  listRules,
  putRule,
  batchRules,
  deleteRules,
  getRule,
  patchRule,
  deleteRule,
  check,
  listLists,
  putList,
  getList,
  patchList,
  deleteList,
  listWhitelist,
  addWhitelistEntry,
  removeWhitelistEntry,
  listChanges,
  streamEvents,
  snapshot,
  listConfirmations,
  confirm,
  listTokens,
  createToken,
  revokeToken,
  listAudit,
  status,
  live,
  ready,
  metrics,
  ...documentRoutes(() => routes),
];
