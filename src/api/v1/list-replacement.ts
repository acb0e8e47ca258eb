import { Type } from 'typebox';
import type { ListReading } from '../../domain/list-entries.ts';
import type { GivenProperties, ListCommand } from '../../engine/decide-list.ts';
import { RequestError } from '../errors.ts';
import { narrowed, readListArray, readListStream, refuseUnfit } from './list-body.ts';
import {
  type AskedChange,
  allowEmpty,
  asking,
  changeList,
  etagHeader,
  ifMatch,
  jsonLimit,
  listProblems,
  ok,
  told,
} from './list-change.ts';
import { Entries, exampleChange, givenProperties, ListChange, listProperties } from './list-json.ts';
import { route } from './route.ts';
import { Comment, closed, InterfacePattern, ListName, Timestamp } from './schemas.ts';
import type { Services } from './services.ts';

/** Bytes: a million networks of IPv6 as text. */
const streamLimit = 64 * 1024 * 1024;

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
    201: { description: 'It is new', schema: ListChange, headers: etagHeader, example: exampleChange },
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
  return changeList(asked, services, { operation: 'lists.replace', command, identity, refuse }, (outcome) =>
    outcome.status === 'created' ? ({ status: 201, ...told(outcome, report) } as const) : ok(outcome, report),
  );
}
