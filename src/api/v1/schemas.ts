import { type Static, type TSchema, Type } from 'typebox';
import { maxInterfaceName } from '../../domain/interface.ts';
import { actions, chains } from '../../domain/rule.ts';

/** An object that takes these properties and no others. */
export function closed<P extends Record<string, TSchema>>(
  properties: P,
  options: { $id?: string; description?: string } = {},
) {
  return Type.Object(properties, { additionalProperties: false, ...options });
}

const Count = Type.Integer({ minimum: 0 });

export const Action = Type.Enum([...actions], {
  $id: 'Action',
  description: 'drop says nothing to the sender, reject tells it, accept lets the packet through',
});

export const Chain = Type.Enum([...chains], {
  $id: 'Chain',
  description: 'input is for packets to this host, output for those from it, forward for those that it passes on',
});

export const Prefix = Type.String({
  $id: 'Prefix',
  minLength: 2,
  maxLength: 49,
  pattern: '^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$',
  description:
    'An IPv4 or IPv6 address, with a prefix length for a network: 198.51.100.7, 198.51.100.0/24, 2001:db8::/32. Answers have it in its shortest form, with the length',
});

export const Address = Type.String({
  $id: 'Address',
  minLength: 2,
  maxLength: 45,
  pattern: '^[0-9A-Fa-f:.]+$',
  description: 'An IPv4 or IPv6 address: 198.51.100.7, 2001:db8::1',
});

export const InterfacePattern = Type.String({
  $id: 'InterfacePattern',
  minLength: 1,
  maxLength: maxInterfaceName,
  pattern: '^[A-Za-z0-9_.:@][A-Za-z0-9_.:@-]*\\+?$',
  description: 'any, the name of an interface (eth0), or the beginning of names (ppp+)',
});

export const InterfaceName = Type.String({
  $id: 'InterfaceName',
  minLength: 1,
  maxLength: maxInterfaceName,
  pattern: '^[A-Za-z0-9_.:@][A-Za-z0-9_.:@-]*$',
  description: 'The name of an interface: eth0',
});

export const Timestamp = Type.String({
  $id: 'Timestamp',
  format: 'date-time',
  maxLength: 40,
  description: 'An instant as in RFC 3339: 2026-01-31T12:00:00.000Z. Answers have it in UTC',
});

export const Ttl = Type.Union(
  [Type.Integer({ minimum: 1, maximum: 999_999_999 }), Type.String({ pattern: '^([1-9][0-9]{0,8}[smhd]|permanent)$' })],
  {
    $id: 'Ttl',
    description: 'How long something lasts: seconds as a number, "90s", "10m", "12h", "7d", or "permanent"',
  },
);

export const RuleId = Type.String({
  $id: 'RuleId',
  pattern: '^[A-Za-z0-9_.:@+~-]{1,160}$',
  description:
    'What a rule matches and does, in a form that a URL takes: drop~input~any~any~198.51.100.7_32~any. An answer has it',
});

export const Comment = Type.String({ $id: 'Comment', maxLength: 256, description: 'At most 256 characters' });

export const Never = Type.Null({ description: 'Never' });

export const Rule = closed(
  {
    id: RuleId,
    action: Action,
    chain: Chain,
    in: InterfacePattern,
    out: InterfacePattern,
    source: Type.Union([Prefix, Type.Literal('any')]),
    destination: Type.Union([Prefix, Type.Literal('any')]),
    expiresAt: Type.Union([Timestamp, Never]),
    createdAt: Timestamp,
    origin: Type.String({ description: 'Who put it' }),
    comment: Comment,
  },
  { $id: 'Rule' },
);

export const RuleInput = closed(
  {
    action: Action,
    chain: Chain,
    source: Type.Optional(Prefix),
    destination: Type.Optional(Prefix),
    in: Type.Optional(InterfacePattern),
    out: Type.Optional(InterfacePattern),
    ttl: Type.Optional(Ttl),
    expiresAt: Type.Optional(Timestamp),
    comment: Type.Optional(Comment),
  },
  { $id: 'RuleInput' },
);

export const RulePatch = closed(
  { ttl: Type.Optional(Ttl), expiresAt: Type.Optional(Timestamp), comment: Type.Optional(Comment) },
  { $id: 'RulePatch' },
);

export const ListName = Type.String({
  $id: 'ListName',
  pattern: '^[a-z0-9][a-z0-9._-]{0,63}$',
  description: '1 to 64 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit',
});

export const Side = Type.Enum(['source', 'destination'], {
  $id: 'Side',
  description:
    'Which address of a packet is looked up: in input the source, in output the destination, in forward the source where nothing else is said',
});

export const Counters = closed({ packets: Count, bytes: Count }, { $id: 'Counters' });

export const CountedRule = closed(
  {
    ...Rule.properties,
    counters: Type.Union([Counters, Type.Null()], {
      description:
        'What the rule has met since it came into the kernel; null where that was not asked for, or the kernel can not say',
    }),
  },
  { $id: 'CountedRule' },
);

export const RuleChange = closed(
  {
    status: Type.Enum(['created', 'updated', 'exists', 'deleted'], {
      description: 'exists: it stands already as it was asked for',
    }),
    rule: Rule,
    before: Type.Optional(Rule),
  },
  { $id: 'RuleChange', description: 'What became of a rule; one that was updated, also as it was before' },
);

const FieldError = closed(
  {
    pointer: Type.Optional(Type.String({ description: 'Where in the body, a JSON pointer (RFC 6901)' })),
    parameter: Type.Optional(Type.String({ description: 'Which parameter of the path, the query or the headers' })),
    line: Type.Optional(Type.Integer({ minimum: 1, description: 'Which line of the body' })),
    code: Type.Optional(
      Type.String({ description: 'What kind of error it is, where that is not the one of the request' }),
    ),
    message: Type.String(),
  },
  { $id: 'FieldError' },
);

export const Problem = Type.Object(
  {
    type: Type.String({ format: 'uri', description: 'urn:rfw:problem: and the code' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    code: Type.String({ description: 'What kind of error it is. It never changes; the texts may' }),
    detail: Type.String({ description: 'What is wrong this time, and what to do about it' }),
    instance: Type.String({ format: 'uri', description: 'urn:rfw:request: and the id of the request' }),
    errors: Type.Optional(Type.Array(FieldError)),
  },
  { $id: 'Problem' },
);

const Cursor = Type.String({
  $id: 'Cursor',
  maxLength: 512,
  description: 'Where the next page begins: what an answer gave as next. What is in it may change',
});

/** A schema without its name, which says more of what it is about. */
export function described(schema: TSchema, description: string) {
  const { $id, ...rest } = schema as TSchema & { readonly $id?: string };
  return Type.Unsafe<string>({ ...rest, description });
}

/** The query parameters of a route that answers page by page. */
export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'The most items of a page' }),
  ),
  cursor: Type.Optional(Cursor),
};

/** A page of items. @param name of the schema in the OpenAPI document */
export function pageOf<T extends TSchema>(name: string, item: T) {
  return closed({ items: Type.Array(item), next: Type.Optional(Cursor) }, { $id: name });
}

const Capabilities = closed(
  {
    summary: Type.String({ description: 'What was found on this host' }),
    ipv6: Type.Boolean({ description: 'Whether IPv6 rules can be enforced' }),
    lists: Type.Boolean({ description: 'Whether lists can be enforced' }),
    shortcomings: Type.Array(Type.String(), { description: 'What the kernel lacks, and how rfw makes do' }),
  },
  { $id: 'Capabilities' },
);

export const Status = closed(
  {
    version: Type.String(),
    state: Type.Enum(['ready', 'degraded'], { description: 'degraded: the kernel does not hold the rules' }),
    degraded: Type.Union([Type.String(), Type.Null()], { description: 'Why it is degraded' }),
    backend: Type.Enum(['iptables', 'nftables', 'memory']),
    capabilities: Capabilities,
    rules: Count,
    lists: Count,
    drifts: Type.Integer({ minimum: 0, description: 'How often changes of others were repaired since the start' }),
    queue: Type.Integer({ minimum: 0, description: 'How many changes wait' }),
    startedAt: Timestamp,
    uptime: Type.Integer({ minimum: 0, description: 'Seconds since the start' }),
    memory: closed({
      rss: Type.Integer({ minimum: 0, description: 'Bytes of the process' }),
      heapUsed: Type.Integer({ minimum: 0, description: 'Bytes of objects' }),
    }),
    urls: Type.Array(Type.String(), { description: 'Where rfw listens' }),
  },
  { $id: 'Status' },
);
export type Status = Static<typeof Status>;

export const Health = closed({ status: Type.Enum(['live', 'ready']) }, { $id: 'Health' });
