import type { Api } from './api.ts';
import type { CountedRule, Operations } from './api-types.ts';

/** Rules on a page of the API, at most. */
const pageLength = 1000;

/** All rules that a filter means, page by page. @param most how many at most */
export async function* allRules(
  api: Api,
  query: Operations['listRules']['query'],
  most = Number.POSITIVE_INFINITY,
): AsyncGenerator<CountedRule> {
  let left = most;
  let cursor = query.cursor;
  while (left > 0) {
    const limit = Math.min(pageLength, left);
    const { items, next } = await api.call('listRules', { query: { ...query, limit, ...(cursor && { cursor }) } });
    yield* items;
    left -= items.length;
    if (next === undefined) return;
    cursor = next;
  }
}
