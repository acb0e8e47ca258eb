import { type Static, Type } from 'typebox';
import { formatPrefix } from '../../domain/address.ts';
import type { AddressSet } from '../../domain/address-set.ts';
import { anyInterface, parseInterface } from '../../domain/interface.ts';
import type { ListReport } from '../../domain/list-entries.ts';
import { describeList } from '../../engine/changes.ts';
import type { GivenProperties } from '../../engine/decide-list.ts';
import type { List as ListValue } from '../../engine/list.ts';
import { lifetimeOf } from './rule-json.ts';
import {
  Action,
  Chain,
  Comment,
  Counters,
  closed,
  InterfacePattern,
  ListName,
  Never,
  Side,
  Timestamp,
  Ttl,
} from './schemas.ts';

/** A list but for its entries. */
export const List = closed(
  {
    name: ListName,
    action: Action,
    chain: Chain,
    in: InterfacePattern,
    out: InterfacePattern,
    side: Side,
    comment: Comment,
    expiresAt: Type.Union([Timestamp, Never]),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    origin: Type.String({ description: 'Who made it' }),
    version: Type.Integer({ minimum: 1, description: 'Another one with each change; in quotes it is the ETag' }),
    entries: Type.Integer({ minimum: 0, description: 'The fewest prefixes that hold its addresses' }),
  },
  { $id: 'List' },
);

/** What the list of the documentation is. */
export const exampleList = {
  name: 'spamhaus',
  action: 'drop',
  chain: 'input',
  in: 'any',
  out: 'any',
  side: 'source',
  comment: 'Spamhaus DROP',
  expiresAt: null,
  createdAt: '2026-01-31T12:00:00.000Z',
  updatedAt: '2026-01-31T12:00:00.000Z',
  origin: 'token:feeds',
  version: 7,
  entries: 1103,
} as const;

export const CountedList = closed(
  {
    ...List.properties,
    counters: Type.Union([Counters, Type.Null()], {
      description: 'What the list has met since it was made; null where the kernel does not hold it, or can not say',
    }),
  },
  { $id: 'CountedList' },
);

/** What the whitelist keeps out of a list. */
export const Cut = closed(
  {
    entries: Type.Integer({ minimum: 0, description: 'How many prefixes that is' }),
    first: Type.Array(Type.String(), { description: 'The first 100 of them' }),
  },
  { $id: 'Cut', description: 'What is in the list and not enforced, since the whitelist covers it' },
);

const BadLine = closed(
  {
    line: Type.Integer({ minimum: 1, description: 'In JSON the place in the array, from 1' }),
    text: Type.String({ description: 'Quoted and shortened' }),
    reason: Type.String(),
  },
  { $id: 'BadLine' },
);

const Report = closed(
  {
    lines: Type.Integer({ minimum: 0, description: 'All that were read, comments and blank ones too' }),
    entries: Type.Integer({ minimum: 0, description: 'Those that are entries' }),
    merged: Type.Integer({
      minimum: 0,
      description: 'How many fewer ranges they make: those that overlap or touch are one',
    }),
    bad: Type.Integer({ minimum: 0, description: 'Those that can not be read. They are left out' }),
    badLines: Type.Array(BadLine, { description: 'The first 100 of them' }),
  },
  { $id: 'ListReport', description: 'What the body gave' },
);

/** What became of a list. */
export const ListChange = closed(
  {
    status: Type.Enum(['created', 'replaced', 'changed', 'unchanged', 'deleted'], {
      description: 'unchanged: it was already as it was asked for, and has the version that it had',
    }),
    list: List,
    cut: Type.Optional(Cut),
    report: Type.Optional(Report),
  },
  { $id: 'ListChange', description: 'What became of a list; one that was deleted, as it was' },
);

/** What became of the list of the documentation. */
export const exampleChange = {
  status: 'created' as const,
  list: exampleList,
  cut: { entries: 0, first: [] },
  report: { lines: 1109, entries: 1104, merged: 1, bad: 0, badLines: [] },
};

/** Properties of a list, of which a change says those that become others. */
export const listProperties = {
  action: Type.Optional(Action),
  chain: Type.Optional(Chain),
  in: Type.Optional(InterfacePattern),
  out: Type.Optional(InterfacePattern),
  side: Type.Optional(Side),
  comment: Type.Optional(Comment),
  ttl: Type.Optional(Ttl),
  expiresAt: Type.Optional(Timestamp),
};

/** Entries in JSON. What each of them is, is looked at one by one: a bad one is reported. */
export const Entries = Type.Array(
  Type.Unknown({ description: 'A text, or an object with address or cidr: a prefix, an address or a range a-b' }),
);

const Properties = closed(listProperties);

/**
 * The properties that a request gives.
 * @throws RfwError `interface-invalid`, `expire-invalid`
 */
export function givenProperties(given: Static<typeof Properties>): GivenProperties {
  const { action, chain, side, comment } = given;
  const expire = lifetimeOf(given);
  return {
    ...(action !== undefined && { action }),
    ...(chain !== undefined && { chain }),
    ...(given.in !== undefined && { in: interfaceOf(given.in) }),
    ...(given.out !== undefined && { out: interfaceOf(given.out) }),
    ...(side !== undefined && { side }),
    ...(comment !== undefined && { comment }),
    ...(expire !== undefined && { expire }),
  };
}

function interfaceOf(text: string) {
  return text === 'any' ? anyInterface : parseInterface(text);
}

export function listJson(list: ListValue): Static<typeof List> {
  return describeList(list);
}

/** Prefixes that an answer names. */
const namedPrefixes = 100;

export function cutJson(cut: AddressSet): Static<typeof Cut> {
  const first: string[] = [];
  for (const prefix of cut.prefixes()) {
    if (first.length === namedPrefixes) break;
    first.push(formatPrefix(prefix));
  }
  return { entries: cut.prefixCount(), first };
}

export function reportJson({ badLines, ...counts }: ListReport): Static<typeof Report> {
  return { ...counts, badLines: [...badLines] };
}
