import { type Static, Type } from 'typebox';
import { type Address, formatAddress } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import type { Rule } from '../../domain/rule.ts';
import { canonicalEntry, parseWhitelistEntry, type Whitelist, type WhitelistEntry } from '../../domain/whitelist.ts';
import type { AddedEntry } from '../../engine/additions.ts';
import type { Engine } from '../../engine/engine.ts';
import type { AskedEntry, Removal } from '../../engine/whitelisting.ts';
import { refuseWideEntry } from '../access/principal.ts';
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

const EntrySchema = closed(
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

function addedJson({ entry, by, comment, createdAt }: AddedEntry): Static<typeof EntrySchema> {
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
      schema: closed({ items: Type.Array(EntrySchema) }),
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
    ...EntrySchema.properties,
    displaced: Type.Array(RuleSchema, { description: 'The rules that had to go, at most a thousand of them' }),
    displacedCount: Type.Integer({ minimum: 0 }),
  },
  { $id: 'AddedWhitelistEntry' },
);

/** Rules that an answer names, and those that the audit log does. */
const [namedRules, auditedRules] = [1000, 10];

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
    ...(['address-invalid', 'mask-invalid', 'family-mismatch', 'beyond-limits'] as const),
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
  const { whitelisting } = services.engine;
  const entry = readEntry(body.entry);
  const wanted: AskedEntry = { entry, by: principal.name, comment: body.comment, createdAt: Date.now() };
  return mutate(asked, services, {
    operation: 'whitelist.add',
    target: entry.text,
    body,
    preview: async () => {
      refuseWideEntry(principal, entry);
      return whitelisting.previewAddition(wanted);
    },
    make: async (recording, confirm) => {
      refuseWideEntry(principal, entry);
      return whitelisting.add(wanted, recording, confirm);
    },
    answer: ({ before, added, displaced }) => ({
      status: before === undefined ? 201 : 200,
      body: { ...addedJson(added), ...displacedJson(displaced, namedRules) },
    }),
    effect: ({ before, added, displaced }) => {
      if (before === undefined) {
        return {
          before: null,
          after: { ...addedJson(added), ...displacedJson(displaced, auditedRules) },
          result: 'created',
        };
      }
      if (before.comment === added.comment) return undefined;
      return { before: addedJson(before), after: addedJson(added), result: 'updated' };
    },
  });
});

function displacedJson(displaced: readonly Rule[], most: number) {
  return { displaced: displaced.slice(0, most).map(ruleJson), displacedCount: displaced.length };
}

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
  answers: { 200: { description: 'What it was', schema: EntrySchema, example } },
})(async (asked, services) => {
  const { query, principal, request } = asked;
  const { whitelisting } = services.engine;
  const { text } = readEntry(query.entry);
  const client = request.door === 'socket' ? undefined : clientAddress(request);
  const permit = (removal: Removal | undefined): void => {
    if (removal === undefined) refuseFixed(services.engine, text);
    else if (client !== undefined) refuseSelfExclusion(removal, whitelisting.all, client);
  };
  return mutate(asked, services, {
    operation: 'whitelist.remove',
    target: text,
    body: null,
    preview: async () => {
      const removal = await whitelisting.previewRemoval(text);
      permit(removal);
      return removal;
    },
    make: (recording, confirm) => whitelisting.remove(text, principal.name, permit, recording, confirm),
    answer: (removal) => {
      if (removal === undefined) throw new RfwError('not-found', `The whitelist has no entry ${text} that was added`);
      return { status: 200, body: addedJson(removal.removed) };
    },
    effect: (removal) => removal && { before: addedJson(removal.removed), after: null, result: 'deleted' },
  });
});

/** An entry in the one form that its addresses have, however it was written. */
function readEntry(text: string): WhitelistEntry {
  return canonicalEntry(parseWhitelistEntry(text.trim()));
}

/** @throws RfwError `entry-fixed` when the addresses are those of an entry of the file */
function refuseFixed({ whitelisting }: Engine, text: string): void {
  if (!whitelisting.file.entries.some((entry) => canonicalEntry(entry).text === text)) return;
  throw new RfwError('entry-fixed', `${text} is an entry of the whitelist file: remove it there, and send rfw SIGHUP`);
}

/** @throws RfwError `self-exclusion` when the client would not be whitelisted any more */
function refuseSelfExclusion({ removed, left }: Removal, all: Whitelist, client: Address): void {
  if (!all.covers(client) || left.covers(client)) return;
  throw new RfwError(
    'self-exclusion',
    `${removed.entry.text} is the last entry that covers your own address, ${formatAddress(client)}: add another that does first`,
  );
}
