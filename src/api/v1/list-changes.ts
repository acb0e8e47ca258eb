import { Type } from 'typebox';
import type { ErrorCode } from '../../domain/errors.ts';
import { parseListName } from '../../domain/list.ts';
import type { ListReading, ListReport } from '../../domain/list-entries.ts';
import type { GivenProperties, ListCommand, ListOutcome } from '../../engine/decide-list.ts';
import { ownOnly, type Principal, refuseListBeyondLimits } from '../access/principal.ts';
import type { Effect } from '../audit.ts';
import { RequestError } from '../errors.ts';
import type { Answer } from './answer.ts';
import { conditionOf, etag } from './conditions.ts';
import { narrowed, readListArray, readListStream, refuseUnfit } from './list-body.ts';
import {
  cutJson,
  Entries,
  exampleList,
  givenProperties,
  ListChange,
  listJson,
  listProperties,
  reportJson,
} from './list-json.ts';
import { noList } from './lists.ts';
import { mutate } from './mutation.ts';
import { type Asked, type MutationOptions, route } from './route.ts';
import { secondsOf } from './rule-json.ts';
import { Comment, closed, InterfacePattern, ListName, Timestamp } from './schemas.ts';
import type { Services } from './services.ts';

/** Bytes: a million networks of IPv6 as text. */
const streamLimit = 64 * 1024 * 1024;

/** Bytes: JSON is in memory as a whole. */
const jsonLimit = 8 * 1024 * 1024;

const listProblems: readonly ErrorCode[] = [
  ...(['list-invalid', 'list-refused', 'interface-invalid', 'expire-invalid', 'beyond-limits', 'not-owner'] as const),
  ...(['precondition-failed', 'key-reused', 'lists-unsupported', 'unsupported'] as const),
  ...(['kernel-refused', 'kernel-unavailable', 'store-failed'] as const),
];

const etagHeader = { etag: 'The version of the list, in quotes' };

const ifMatch = 'ETags, or *: the list is changed only when it is one of these, else 412';

const allowEmpty = Type.Optional(
  Type.Boolean({ default: false, description: 'Whether the list may come to have no entries at all' }),
);

const { action, chain, side } = listProperties;

/** The properties as the query has them, where the body has only entries. */
const propertyQuery = {
  ...{ action, chain, side },
  in: Type.Optional(InterfacePattern),
  out: Type.Optional(InterfacePattern),
  comment: Type.Optional(Comment),
  ttl: Type.Optional(
    Type.String({
      pattern: '^([1-9][0-9]{0,8}[smhd]?|permanent)$',
      description: 'How long the list lasts: 90, 90s, 10m, 12h, 7d or permanent. A new one is permanent',
    }),
  ),
  expiresAt: Type.Optional(Timestamp),
};

const example = {
  status: 'created' as const,
  list: exampleList,
  cut: { entries: 0, first: [] },
  report: { lines: 1109, entries: 1104, merged: 1, bad: 0, badLines: [] },
};

/** Replaces a list as a whole, or makes it. */
export const putList = route({
  method: 'PUT',
  path: '/v1/lists/{name}',
  operationId: 'putList',
  summary: 'Replaces a list, or makes it',
  description:
    'The body has all its entries, each an address, a prefix or a range a-b. The kernel goes from the old list to the new one in one step, and the answer leaves when that is done and on disk. What the body, or with text and NDJSON the query, does not say of its properties stays; a new list needs action and chain, and is met before those that were made earlier. Entries that can not be read are left out and reported; over list.bad.share of them the list is refused, and the old one stands. So it is when an entry is shorter than list.shortest.ipv4 or .ipv6 says and counts as one that can not be read, or when the list would hold more of all addresses than list.largest.share.',
  tag: 'Lists',
  scope: 'lists:write',
  mutation: true,
  conditions: { 'If-Match': ifMatch, 'If-None-Match': '*: the list is only made, never replaced, else 412' },
  params: closed({ name: ListName }),
  query: closed({
    ...propertyQuery,
    allowEmpty,
    maxBadShare: Type.Optional(
      Type.String({
        pattern: '^(0(\\.[0-9]{1,6})?|1)$',
        description: 'The share, 0 to 1, of entries that may be unreadable, where that is less than list.bad.share',
      }),
    ),
  }),
  body: {
    description: 'The entries, in JSON with the properties',
    json: closed({ ...listProperties, entries: Entries }),
    example: { action: 'drop', chain: 'input', comment: 'Spamhaus DROP', entries: ['192.0.2.0/24', '2001:db8::/32'] },
    limit: jsonLimit,
    streams: {
      'text/plain': {
        description: 'One entry a line; after # and ; is comment',
        example: '; Spamhaus DROP\n192.0.2.0/24 ; SBL1\n2001:db8::/32\n',
        limit: streamLimit,
      },
      'application/x-ndjson': {
        description: 'One entry a line: a text, or an object with address or cidr',
        example: '"192.0.2.0/24"\n{"cidr":"2001:db8::/32"}\n',
        limit: streamLimit,
      },
    },
  },
  answers: {
    201: { description: 'It is new', schema: ListChange, headers: etagHeader, example },
    200: { description: 'It is replaced, or was like that already', schema: ListChange, headers: etagHeader },
  },
  problems: listProblems,
})(async (asked, services) => {
  const { body, query, principal } = asked;
  const { allowEmpty = false, maxBadShare, dryRun: _, confirm: __, ...given } = query as typeof query & Options;
  const limits = narrowed(services.listLimits(), principal.limits, {
    allowEmpty,
    ...(maxBadShare !== undefined && { badShare: Number(maxBadShare) }),
  });
  if ('json' in body) {
    refuseProperties(given);
    const { entries, ...properties } = body.json;
    const reading = readListArray(entries, limits, 'entries');
    return replace(asked, services, reading, givenProperties(properties), body.json);
  }
  // Before the body is read, which takes its time.
  const properties = givenProperties(seconds(given));
  const { reading, identity } = await readListStream(body, limits);
  return replace(asked, services, reading, properties, identity);
});

/** What the frame reads out of the query. */
interface Options {
  readonly dryRun?: boolean;
  readonly confirm?: string;
}

/** A ttl of digits is seconds. */
function seconds<T extends { readonly ttl?: string }>(given: T): Omit<T, 'ttl'> & { ttl?: string | number } {
  const { ttl } = given;
  return ttl === undefined || !/^\d+$/.test(ttl) ? given : { ...given, ttl: Number(ttl) };
}

function refuseProperties(given: object): void {
  const message = 'has no meaning here: a body in JSON has the properties itself';
  const errors = Object.keys(given).map((parameter) => ({ parameter, message }));
  if (errors[0] === undefined) return;
  throw new RequestError('request-invalid', `The parameter ${errors[0].parameter} ${message}`, errors);
}

function replace(
  asked: AskedChange,
  services: Services,
  reading: ListReading,
  properties: GivenProperties,
  identity: unknown,
) {
  const { addresses, report } = reading;
  const command: ListCommand = { kind: 'replace', ...asking(asked, properties), addresses, properties };
  const refuse = (): void => refuseUnfit(reading);
  return change(asked, services, { operation: 'lists.replace', command, identity, refuse }, (outcome) =>
    outcome.status === 'created' ? ({ status: 201, ...told(outcome, report) } as const) : ok(outcome, report),
  );
}

/** Changes entries and properties of a list. */
export const patchList = route({
  method: 'PATCH',
  path: '/v1/lists/{name}',
  operationId: 'patchList',
  summary: 'Adds and removes entries of a list, and changes its properties',
  description:
    'First comes what is added, then goes what is removed: what is in both is not in the list. What the body does not name stays. An entry that can not be read refuses the whole request.',
  tag: 'Lists',
  scope: 'lists:write',
  mutation: true,
  conditions: { 'If-Match': ifMatch },
  params: closed({ name: ListName }),
  query: closed({ allowEmpty }),
  body: {
    description: 'What changes',
    json: closed({ ...listProperties, add: Type.Optional(Entries), remove: Type.Optional(Entries) }),
    example: { add: ['198.51.100.0/24'], remove: ['192.0.2.7'] },
    limit: jsonLimit,
  },
  answers: {
    200: {
      description: 'It is changed, or was like that already',
      schema: ListChange,
      headers: etagHeader,
      example: { ...example, status: 'changed', report: undefined },
    },
  },
  problems: ['not-found', ...listProblems],
})(async (asked, services) => {
  const { add = [], remove = [], ...given } = asked.body;
  const own = services.listLimits();
  const entries = { badShare: 0, allowEmpty: true, largestShare: 1 };
  const added = readListArray(add, narrowed(own, asked.principal.limits, entries), 'add');
  const anyLength = { ...own, ...entries, shortestPrefix: { 4: 0, 6: 0 } };
  const removed = readListArray(remove, anyLength, 'remove');
  const properties = givenProperties(given);
  const command: ListCommand = {
    kind: 'change',
    ...asking(asked, properties),
    add: added.addresses,
    remove: removed.addresses,
    properties,
    limits: { ...own, allowEmpty: asked.query.allowEmpty ?? false },
  };
  const refuse = (): void => {
    refuseUnfit(added);
    refuseUnfit(removed);
  };
  return change(asked, services, { operation: 'lists.change', command, identity: asked.body, refuse }, (outcome) =>
    ok(outcome),
  );
});

/** Takes out a list. */
export const deleteList = route({
  method: 'DELETE',
  path: '/v1/lists/{name}',
  operationId: 'deleteList',
  summary: 'Deletes a list',
  tag: 'Lists',
  scope: 'lists:write',
  mutation: true,
  conditions: { 'If-Match': ifMatch },
  params: closed({ name: ListName }),
  answers: {
    200: {
      description: 'It is gone; this is how it was',
      schema: ListChange,
      example: { status: 'deleted', list: exampleList },
    },
  },
  problems: ['not-found', ...listProblems],
})(async (asked, services) => {
  const command: ListCommand = { kind: 'remove', ...asking(asked, {}) };
  const refuse = (): void => {};
  return change(asked, services, { operation: 'lists.delete', command, identity: null, refuse }, (outcome) =>
    ok(outcome),
  );
});

/** A request that changes a list. */
type AskedChange = Pick<Asked, 'principal' | 'request'> & {
  readonly mutation: MutationOptions;
  readonly params: { readonly name: string };
};

/** What all commands of a request say of who asks, and on what condition. */
function asking({ params, principal, request }: AskedChange, { expire }: GivenProperties) {
  const ttl = expire === undefined ? undefined : secondsOf(expire, Date.now());
  return {
    name: parseListName(params.name),
    origin: principal.name,
    ownOnly: ownOnly(principal),
    condition: conditionOf(request.headers),
    allow: allowed(principal, ttl),
  };
}

/** A new list that doesn't say how long it lasts is permanent. */
function allowed(principal: Principal, ttl: number | undefined): NonNullable<ListCommand['allow']> {
  return (list, before) => refuseListBeyondLimits(principal, list, ttl ?? (before === undefined ? null : 'unchanged'));
}

interface Change {
  /** For the audit log. */
  readonly operation: string;
  readonly command: ListCommand;
  /** A JSON value that tells what is asked for. */
  readonly identity: unknown;
  /** @throws RfwError when what is asked for is nothing that a list may have */
  readonly refuse: () => void;
}

/** An outcome that says something about a list. */
type Told = Exclude<ListOutcome, { status: 'absent' }>;

/** Makes a change of one list. @param answer to what became of it */
function change<A extends Answer>(
  asked: AskedChange,
  { engine, ...services }: Services,
  { operation, command, identity, refuse }: Change,
  answer: (outcome: Told) => A,
): Promise<A> {
  return mutate<ListOutcome, A>(
    asked,
    { engine, ...services },
    {
      operation,
      target: command.name,
      body: { condition: command.condition, identity },
      preview: async () => {
        refuse();
        return engine.listing.preview(command);
      },
      make: async (recording, confirm) => {
        refuse();
        return engine.listing.write(command, recording, confirm);
      },
      answer: (outcome) => {
        if (outcome.status === 'absent') throw noList(command.name);
        return answer(outcome);
      },
      effect: effectOf,
    },
  );
}

function ok(outcome: Told, report?: ListReport) {
  return { status: 200, ...told(outcome, report) } as const;
}

function told(outcome: Told, report?: ListReport) {
  if (outcome.status === 'deleted') return { body: { status: outcome.status, list: listJson(outcome.before) } };
  const { status, list, cut } = outcome;
  return {
    body: { status, list: listJson(list), cut: cutJson(cut), ...(report && { report: reportJson(report) }) },
    headers: { etag: etag(list.version) },
  };
}

/** What became of a list, as the audit log has it; undefined where nothing did. */
function effectOf(outcome: ListOutcome): Effect | undefined {
  if (outcome.status === 'absent' || outcome.status === 'unchanged') return undefined;
  const { status, before } = outcome;
  return {
    before: before === undefined ? null : listJson(before),
    after: status === 'deleted' ? null : listJson(outcome.list),
    result: status,
  };
}
