import { type Static, Type } from 'typebox';
import { type Address as AddressValue, formatAddress, parseAddress } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import { actions, type Chain as ChainName, chains } from '../../domain/rule.ts';
import type { Explanation, PacketQuestion } from '../../engine/explanation.ts';
import type { List } from '../../engine/list.ts';
import { RequestError } from '../errors.ts';
import { onlyWhere, packetSentence } from './check-sentence.ts';
import { route } from './route.ts';
import { ruleJson, timestamp } from './rule-json.ts';
import {
  Action,
  Address,
  Chain,
  Comment,
  closed,
  described,
  InterfaceName,
  InterfacePattern,
  ListName,
  Never,
  Rule,
  Side,
  Timestamp,
} from './schemas.ts';

const OptionalAddress = Type.Union([Address, Type.Null()]);
const OptionalInterface = Type.Union([InterfaceName, Type.Null()]);

const CheckedRule = closed(
  {
    ...Rule.properties,
    decides: Type.Boolean({ description: 'Whether it is this rule that decides' }),
    only: Type.Union([Type.String(), Type.Null()], {
      description: 'Where the rule is for certain interfaces alone and the question names none: which, "only on eth0"',
    }),
  },
  { $id: 'CheckedRule' },
);

const CheckedList = closed(
  {
    name: ListName,
    action: Action,
    in: InterfacePattern,
    out: InterfacePattern,
    side: Side,
    expiresAt: Type.Union([Timestamp, Never]),
    origin: Type.String(),
    comment: Comment,
    decides: Type.Boolean({ description: 'Whether it is this list that decides' }),
    only: Type.Union([Type.String(), Type.Null()], { description: 'As of a rule' }),
  },
  { $id: 'CheckedList' },
);

const CheckedPacket = closed(
  {
    chain: Chain,
    source: OptionalAddress,
    destination: OptionalAddress,
    in: OptionalInterface,
    out: OptionalInterface,
    verdict: Type.Enum([...actions, 'continue'], {
      description:
        'continue: rfw has nothing against the packet and nothing for it; the rest of the packet filter decides',
    }),
    reason: Type.Enum(['rule', 'list', 'whitelist', 'none'], { description: 'What the verdict comes from' }),
    whitelist: Type.Array(Type.String(), { description: 'The entries of the whitelist by which no rule touches it' }),
    rules: Type.Array(CheckedRule, { description: 'The rules that match, in the order in which a packet meets them' }),
    lists: Type.Array(CheckedList, {
      description: 'The lists that have its address, in the order in which a packet meets them, after all rules',
    }),
    pairs: Type.Integer({
      minimum: 0,
      description:
        'How many rules look at the other address too, which the question does not name, and may decide otherwise',
    }),
    guard: Type.Union([closed({ port: Type.Integer(), verdict: Type.Enum(['accept', 'drop']) }), Type.Null()], {
      description: 'What becomes, before all rules, of TCP of the port that rfw serves its clients at',
    }),
    sentence: Type.String({ description: 'All that for people' }),
  },
  { $id: 'CheckedPacket' },
);

const Check = closed({ ip: Address, packets: Type.Array(CheckedPacket) }, { $id: 'Check' });

const Query = closed({
  ip: described(Address, 'An address: of whoever packets come from or go to'),
  chain: Type.Optional(Chain),
  in: Type.Optional(described(InterfaceName, 'The interface they come in by')),
  out: Type.Optional(described(InterfaceName, 'The interface they go out by')),
  destination: Type.Optional(described(Address, 'An address: in forward, where packets from ip go to')),
});
type Query = Static<typeof Query>;

/** What becomes of packets from and to an address, and why. */
export const check = route({
  method: 'GET',
  path: '/v1/check',
  operationId: 'check',
  summary: 'What becomes of a packet, and why',
  description:
    'Of packets of one chain: in input from ip, in output to ip, in forward from ip and, where no destination is given, to ip. Without a chain it answers for all three. An interface that is not given may be any: a rule for certain interfaces is then named and does not decide. The answer goes by the rules and lists that rfw enforces, not by what other tables of the packet filter hold.',
  tag: 'Rules',
  scope: 'rules:read',
  query: Query,
  answers: {
    200: {
      description: 'The verdict on each kind of packet',
      schema: Check,
    },
  },
  problems: ['address-invalid', 'family-mismatch'],
})(async ({ query }, { engine }) => {
  const ip = parseAddress(query.ip);
  const packets = questionsOf(query, ip).map((question) => packetJson(question, engine.reader.explain(question)));
  return { status: 200, body: { ip: formatAddress(ip), packets } };
});

/** What is asked about: packets of one chain, or of all. @throws RfwError `address-invalid`, `request-invalid`, `family-mismatch` */
function questionsOf(query: Query, ip: AddressValue): PacketQuestion[] {
  const { chain } = query;
  const destination = query.destination === undefined ? undefined : parseAddress(query.destination);
  if (chain === 'output') refuse('in', query.in, 'packets of output come in by no interface');
  if (chain === 'input') refuse('out', query.out, 'packets of input go out by no interface');
  if (chain === 'input' || chain === 'output')
    refuse('destination', query.destination, `it is for forward alone: in ${chain} the address is ip`);
  if (destination !== undefined && destination.family !== ip.family)
    throw new RfwError('family-mismatch', 'ip and destination must both be IPv4 or both be IPv6');
  return chains
    .filter((each) => chain === undefined || each === chain)
    .flatMap((each) => questions(each, ip, destination, query));
}

function refuse(parameter: string, value: unknown, reason: string): void {
  if (value === undefined) return;
  const message = `has no meaning here: ${reason}`;
  throw new RequestError('request-invalid', `The parameter ${parameter} ${message}`, [{ parameter, message }]);
}

function questions(
  chain: ChainName,
  ip: AddressValue,
  destination: AddressValue | undefined,
  { in: into, out }: Query,
): PacketQuestion[] {
  const inward = into === undefined ? {} : { in: into };
  const outward = out === undefined ? {} : { out };
  if (chain === 'input') return [{ chain, source: ip, ...inward }];
  if (chain === 'output') return [{ chain, destination: ip, ...outward }];
  const between = { chain, ...inward, ...outward };
  if (destination !== undefined) return [{ ...between, source: ip, destination }];
  return [
    { ...between, source: ip },
    { ...between, destination: ip },
  ];
}

function packetJson(question: PacketQuestion, explanation: Explanation): Static<typeof CheckedPacket> {
  const { verdict, whitelisted, matches, decisive, lists, decisiveList, pairs, guard } = explanation;
  const text = (address: AddressValue | undefined) => (address === undefined ? null : formatAddress(address));
  return {
    chain: question.chain,
    source: text(question.source),
    destination: text(question.destination),
    in: question.in ?? null,
    out: question.out ?? null,
    verdict,
    reason: reasonOf(explanation),
    whitelist: [...new Set(whitelisted.map((entry) => entry.text))],
    rules: matches.map(({ rule, isBound }) => ({
      ...ruleJson(rule),
      decides: rule === decisive,
      only: isBound ? onlyWhere(rule) : null,
    })),
    lists: lists.map(({ list, isBound }) => ({
      ...checkedList(list),
      decides: list === decisiveList,
      only: isBound ? onlyWhere(list) : null,
    })),
    pairs,
    guard: guard ?? null,
    sentence: packetSentence(question, explanation),
  };
}

function reasonOf({ whitelisted, decisive, decisiveList }: Explanation) {
  if (whitelisted.length > 0) return 'whitelist';
  return decisive !== undefined ? 'rule' : decisiveList === undefined ? 'none' : 'list';
}

function checkedList({ name, action, in: into, out, side, expiresAt, origin, comment }: List) {
  return {
    name,
    action,
    in: into,
    out,
    side,
    expiresAt: expiresAt === null ? null : timestamp(expiresAt),
    origin,
    comment,
  };
}
