import { Type } from 'typebox';
import type { ErrorCode } from '../../domain/errors.ts';
import { RfwError } from '../../domain/errors.ts';
import { parseRuleId } from '../../domain/rule-id.ts';
import type { CountedRule } from '../../engine/reader.ts';
import { ruleSorts } from '../../engine/rule-order.ts';
import { route } from './route.ts';
import { ruleJson } from './rule-json.ts';
import { filterOf, filterQuery } from './rule-query.ts';
import { CountedRule as CountedRuleSchema, closed, pageOf, pageQuery, RuleId } from './schemas.ts';

/** The rule of the examples. */
export const exampleRule = {
  id: 'drop~input~any~any~203.0.113.7_32~any',
  action: 'drop',
  chain: 'input',
  in: 'any',
  out: 'any',
  source: '203.0.113.7/32',
  destination: 'any',
  expiresAt: '2026-01-31T12:10:00.000Z',
  createdAt: '2026-01-31T12:00:00.000Z',
  origin: 'token:detector',
  comment: 'SSH scan',
} as const;

const counted = { ...exampleRule, counters: { packets: 12, bytes: 720 } };

function countedJson({ rule, counters }: CountedRule) {
  return {
    ...ruleJson(rule),
    counters: counters === undefined ? null : { packets: Number(counters.packets), bytes: Number(counters.bytes) },
  };
}

/** What a filter may be refused for. */
export const filterProblems: readonly ErrorCode[] = ['address-invalid', 'mask-invalid', 'expire-invalid'];

const Page = closed(
  {
    ...pageOf('', CountedRuleSchema).properties,
    count: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'How many rules the filter means in all; left out where that would take a look at each rule',
      }),
    ),
  },
  { $id: 'RulePage' },
);

/** The rules that stand, by filter and page. */
export const listRules = route({
  method: 'GET',
  path: '/v1/rules',
  operationId: 'listRules',
  summary: 'The rules that stand',
  description:
    'Those that are all that the filter says, page by page. A rule that stands throughout, unchanged, is on just one of the pages, whatever comes and goes meanwhile.',
  tag: 'Rules',
  scope: 'rules:read',
  query: closed({
    ...filterQuery,
    sort: Type.Optional(
      Type.Enum([...ruleSorts], {
        default: 'newest',
        description:
          'newest and oldest: in the order in which the rules were put; expiresAt: what ends soonest comes first, what is permanent last; address: by source, or by destination where there is no source',
      }),
    ),
    counters: Type.Optional(
      Type.Boolean({ default: true, description: 'Whether the kernel is asked what each rule has met' }),
    ),
    ...pageQuery,
  }),
  answers: { 200: { description: 'A page of rules', schema: Page, example: { items: [counted], count: 1 } } },
  problems: [...filterProblems, 'cursor-invalid'],
})(async ({ query }, { engine }) => {
  const { sort = 'newest', limit = 100, cursor, counters = true } = query;
  const page = await engine.reader.find(
    { filter: filterOf(query), sort, limit, ...(cursor !== undefined && { cursor }) },
    counters,
  );
  return {
    status: 200,
    body: {
      items: page.rules.map(countedJson),
      ...(page.next !== undefined && { next: page.next }),
      ...(page.count !== undefined && { count: page.count }),
    },
  };
});

/** One rule by its id. */
export const getRule = route({
  method: 'GET',
  path: '/v1/rules/{id}',
  operationId: 'getRule',
  summary: 'One rule',
  tag: 'Rules',
  scope: 'rules:read',
  params: closed({ id: RuleId }),
  answers: { 200: { description: 'The rule', schema: CountedRuleSchema, example: counted } },
  problems: ['id-invalid', 'not-found'],
})(async ({ params }, { engine }) => {
  const found = await engine.reader.rule(parseRuleId(params.id));
  if (found === undefined) throw noRule(params.id);
  return { status: 200, body: countedJson(found) };
});

/** Says that no rule has an id. */
export function noRule(id: string): RfwError {
  return new RfwError('not-found', `No rule has the id ${id}: it never stood, has ended or was deleted`);
}
