import { Type } from 'typebox';
import { formatPrefix, type Prefix } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import { type ListName as Name, parseListName } from '../../domain/list.ts';
import type { Listing } from '../../engine/listing.ts';
import { etag, isKnown } from './conditions.ts';
import { formatListCursor, formatPrefixCursor, parseListCursor, parsePrefixCursor } from './list-cursor.ts';
import { CountedList, Cut, cutJson, exampleList, listJson } from './list-json.ts';
import { route } from './route.ts';
import { closed, ListName, Prefix as PrefixText, pageOf, pageQuery } from './schemas.ts';

const counters = { packets: 48_211, bytes: 2_897_311 };

/** The lists that stand. */
export const listLists = route({
  method: 'GET',
  path: '/v1/lists',
  operationId: 'listLists',
  summary: 'The lists that stand',
  description:
    'In the order in which a packet meets them, which is the newest first: a list that is replaced keeps its place.',
  tag: 'Lists',
  scope: 'lists:read',
  query: closed(pageQuery),
  answers: {
    200: {
      description: 'A page of lists',
      schema: pageOf('ListPage', CountedList),
      example: { items: [{ ...exampleList, counters }] },
    },
  },
  problems: ['cursor-invalid'],
})(async ({ query: { limit = 100, cursor } }, { engine }) => {
  const after = cursor === undefined ? Number.POSITIVE_INFINITY : parseListCursor(cursor);
  const left = engine.listing.all.filter(({ place }) => place < after);
  const page = left.slice(0, limit);
  const counts = await countsOf(engine.listing);
  const last = page.at(-1);
  const items = page.map((list) => ({ ...listJson(list), counters: counts.get(list.name) ?? null }));
  return {
    status: 200,
    body: { items, ...(left.length > page.length && last && { next: formatListCursor(last.place) }) },
  };
});

const ListDetail = closed(
  {
    ...CountedList.properties,
    cut: Cut,
    items: Type.Array(PrefixText, {
      description: 'A page of its entries, as the fewest prefixes, IPv4 first, ascending',
    }),
    next: pageOf('', PrefixText).properties.next,
  },
  { $id: 'ListDetail' },
);

/** One list, and a page of its entries. */
export const getList = route({
  method: 'GET',
  path: '/v1/lists/{name}',
  operationId: 'getList',
  summary: 'A list, and its entries page by page',
  description:
    'An entry that stands throughout is on just one of the pages. The ETag is that of the list, whatever it has met meanwhile.',
  tag: 'Lists',
  scope: 'lists:read',
  conditions: { 'If-None-Match': 'ETags: when the list still is one of these, the answer is 304 and has no body' },
  params: closed({ name: ListName }),
  query: closed(pageQuery),
  answers: {
    200: {
      description: 'The list',
      schema: ListDetail,
      headers: { etag: 'The version of the list, in quotes' },
      example: {
        ...exampleList,
        counters,
        cut: { entries: 0, first: [] },
        items: ['192.0.2.0/24'],
        next: 'eyJ2IjoxfQ',
      },
    },
    304: { description: 'It still is the version that If-None-Match names', headers: { etag: 'That version' } },
  },
  problems: ['list-invalid', 'not-found', 'cursor-invalid'],
})(async ({ params, query: { limit = 100, cursor }, request }, { engine }) => {
  const name = parseListName(params.name);
  const list = engine.listing.get(name);
  if (list === undefined) throw noList(name);
  const headers = { etag: etag(list.version) };
  if (isKnown(request.headers, list.version)) return { status: 304, body: undefined, headers };
  const { addresses } = list;
  const prefixes = cursor === undefined ? addresses.prefixes() : addresses.prefixesAfter(parsePrefixCursor(cursor));
  const page = firstOf(prefixes, limit + 1);
  const last = page[limit - 1];
  const counts = await countsOf(engine.listing);
  return {
    status: 200,
    headers,
    body: {
      ...listJson(list),
      counters: counts.get(name) ?? null,
      cut: cutJson(engine.listing.cutOf(name)),
      items: page.slice(0, limit).map(formatPrefix),
      ...(page.length > limit && last && { next: formatPrefixCursor(last) }),
    },
  };
});

/** Says that there is no such list. */
export function noList(name: string): RfwError {
  return new RfwError('not-found', `There is no list ${name}: it never was there, has ended or was deleted`);
}

/** What the lists have met; nothing where the kernel can't say, which is no reason not to say what it was told. */
async function countsOf(listing: Listing): Promise<ReadonlyMap<Name, { packets: number; bytes: number }>> {
  const counts = await listing.counts().catch(() => []);
  return new Map(counts.map(({ name, packets, bytes }) => [name, { packets: Number(packets), bytes: Number(bytes) }]));
}

function firstOf(prefixes: Iterable<Prefix>, limit: number): Prefix[] {
  const first: Prefix[] = [];
  for (const prefix of prefixes) {
    first.push(prefix);
    if (first.length === limit) break;
  }
  return first;
}
