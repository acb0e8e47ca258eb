import { type Static, Type } from 'typebox';
import { type Address, formatAddress } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import { parseWhitelistEntry, Whitelist } from '../../domain/whitelist.ts';
import type { AddedEntry } from '../../engine/additions.ts';
import type { Engine } from '../../engine/engine.ts';
import { clientAddress } from '../server.ts';
import { mutate } from './mutation.ts';
import { route } from './route.ts';
import { ruleJson, timestamp } from './rule-json.ts';
import { Comment, closed, Never, Rule as RuleSchema, Timestamp } from './schemas.ts';

const Entry = Type.String({
  $id: 'WhitelistText',
  minLength: 2,
  maxLength: 100,
  description: 'An address, a prefix or a range: 192.0.2.10, 192.0.2.0/24, 192.0.2.1-192.0.2.9',
});

const WhitelistEntry = closed(
  {
    entry: Entry,
    from: Type.Enum(['file', 'api'], { description: 'Entries of the file can not be removed here' }),
    comment: Comment,
    origin: Type.Union([Type.String(), Never], { description: 'Who added it' }),
    createdAt: Type.Union([Timestamp, Never]),
  },
  { $id: 'WhitelistEntry' },
);

const example = {
  entry: '192.0.2.0/24',
  from: 'api' as const,
  comment: 'the office',
  origin: 'alice@192.0.2.1',
  createdAt: '2026-01-31T12:00:00.000Z',
};

function addedJson({ entry, by, comment, createdAt }: AddedEntry): Static<typeof WhitelistEntry> {
  return { entry: entry.text, from: 'api', comment, origin: by, createdAt: timestamp(createdAt) };
}

export const listWhitelist = route({
  method: 'GET',
  path: '/v1/whitelist',
  operationId: 'listWhitelist',
  summary: 'The addresses that no rule and no list may touch',
  tag: 'Whitelist',
  scope: 'rules:read',
  answers: {
    200: {
      description: 'Those of the file first',
      schema: closed({ items: Type.Array(WhitelistEntry) }),
      example: { items: [{ entry: '192.0.2.1', from: 'file', comment: '', origin: null, createdAt: null }, example] },
    },
  },
})(async (_asked, { engine }) => {
  const file = engine.whitelisting.file.entries.map(({ text }) => ({
    ...{ entry: text, from: 'file' as const, comment: '', origin: null, createdAt: null },
  }));
  return { status: 200, body: { items: [...file, ...engine.whitelisting.added.map(addedJson)] } };
});

const Added = closed(
  {
    ...WhitelistEntry.properties,
    displaced: Type.Array(RuleSchema, { description: 'The rules that had to go, at most a thousand of them' }),
    displacedCount: Type.Integer({ minimum: 0 }),
  },
  { $id: 'AddedWhitelistEntry' },
);

/** Rules that an answer names. */
const namedRules = 1000;

export const addWhitelistEntry = route({
  method: 'POST',
  path: '/v1/whitelist',
  operationId: 'addWhitelistEntry',
  summary: 'Adds an entry to the whitelist',
  description:
    'Beside those of the file, and over restarts. Rules that conflict with it are removed, and named; lists are enforced without it.',
  tag: 'Whitelist',
  scope: 'whitelist:write',
  mutation: true,
  body: {
    description: 'The entry',
    json: closed({ entry: Entry, comment: Type.Optional(Comment) }),
    example: { entry: '192.0.2.0/24', comment: 'the office' },
  },
  problems: [
    ...(['address-invalid', 'mask-invalid', 'family-mismatch'] as const),
    ...(['kernel-refused', 'kernel-unavailable', 'store-failed', 'stopping', 'key-reused'] as const),
  ],
  answers: {
    201: {
      description: 'It is in force',
      schema: Added,
      example: { ...example, displaced: [], displacedCount: 0 },
    },
    200: {
      description: 'It was in force already',
      schema: Added,
      example: { ...example, displaced: [], displacedCount: 0 },
    },
  },
})(async (asked, services) => {
  const { body, principal } = asked;
  const { engine } = services;
  const entry = parseWhitelistEntry(body.entry.trim());
  const before = engine.whitelisting.added.find((each) => each.entry.text === entry.text);
  const comment = body.comment ?? before?.comment ?? '';
  const added: AddedEntry = { entry, by: principal.name, comment, createdAt: Date.now() };
  return mutate(asked, services, {
    operation: 'whitelist.add',
    target: entry.text,
    body,
    preview: () => engine.whitelisting.conflicts(added),
    make: (recording, confirm) => engine.whitelisting.add(added, recording, confirm),
    answer: (displaced) => ({
      status: before === undefined ? 201 : 200,
      body: {
        ...addedJson(added),
        displaced: displaced.slice(0, namedRules).map(ruleJson),
        displacedCount: displaced.length,
      },
    }),
    effect: (displaced) => ({
      before: before === undefined ? null : addedJson(before),
      after: { ...addedJson(added), displaced: displaced.slice(0, 10).map(ruleJson), displacedCount: displaced.length },
      result: before === undefined ? 'created' : 'updated',
    }),
  });
});

export const removeWhitelistEntry = route({
  method: 'DELETE',
  path: '/v1/whitelist',
  operationId: 'removeWhitelistEntry',
  summary: 'Removes an entry that was added',
  description:
    'Entries of the file are removed from the file. The last entry that covers your own address can not be removed.',
  tag: 'Whitelist',
  scope: 'whitelist:write',
  mutation: true,
  query: closed({ entry: Entry }),
  problems: [
    ...(['not-found', 'entry-fixed', 'self-exclusion', 'address-invalid', 'mask-invalid', 'family-mismatch'] as const),
    ...(['kernel-refused', 'kernel-unavailable', 'store-failed', 'stopping', 'key-reused'] as const),
  ],
  answers: { 200: { description: 'What it was', schema: WhitelistEntry, example } },
})(async (asked, services) => {
  const { query, principal, request } = asked;
  const { whitelisting } = services.engine;
  const text = query.entry.trim();
  const before = whitelisting.added.find((each) => each.entry.text === text);
  if (before === undefined) throw noSuchEntry(services.engine, text);
  const client = request.door === 'socket' ? undefined : clientAddress(request);
  if (client !== undefined) refuseSelfExclusion(services.engine, text, client);
  return mutate(asked, services, {
    operation: 'whitelist.remove',
    target: text,
    body: null,
    preview: async () => true,
    make: (recording, confirm) =>
      whitelisting.remove(text, principal.name, (displaced) => recording(displaced.length >= 0), confirm),
    answer: (removed) => {
      if (!removed) throw noSuchEntry(services.engine, text);
      return { status: 200, body: addedJson(before) };
    },
    effect: () => ({ before: addedJson(before), after: null, result: 'deleted' }),
  });
});

function noSuchEntry({ whitelisting }: Engine, text: string): RfwError {
  if (whitelisting.file.entries.some((entry) => entry.text === text)) {
    return new RfwError(
      'entry-fixed',
      `${text} is an entry of the whitelist file: remove it there, and send rfw SIGHUP`,
    );
  }
  return new RfwError('not-found', `The whitelist has no entry ${text} that was added`);
}

/** @throws RfwError `self-exclusion` when the client would not be whitelisted any more */
function refuseSelfExclusion({ whitelisting }: Engine, text: string, client: Address): void {
  const left = new Whitelist(whitelisting.all.entries.filter((entry) => entry.text !== text));
  if (!whitelisting.all.covers(client) || left.covers(client)) return;
  throw new RfwError(
    'self-exclusion',
    `${text} is the last entry that covers your own address, ${formatAddress(client)}: add another that does first`,
  );
}
