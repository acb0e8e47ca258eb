import { Type } from 'typebox';
import { asRfwError, RfwError } from '../../domain/errors.ts';
import type { Rule } from '../../domain/rule.ts';
import type { ConfirmRequest } from '../../engine/confirmations.ts';
import type { AskedCommand, Result } from '../../engine/decide.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Group, Recording } from '../../engine/pending.ts';
import type { RuleFilter } from '../../engine/rule-filter.ts';
import { refuseBeyondLimits } from '../access/principal.ts';
import { RequestError } from '../errors.ts';
import { problems } from '../problem.ts';
import { type AskedMutation, mutate } from './mutation.ts';
import { route } from './route.ts';
import { changeProblems, who } from './rule-changes.ts';
import { filterOf, filterQuery } from './rule-query.ts';
import { filterProblems } from './rules.ts';
import { closed } from './schemas.ts';

/** Rules that are deleted at once, so that whoever else asks for something meanwhile waits for those at most. */
const chunk = 500;

/** Rules that are deleted as a whole, where that has to be undone as a whole. */
const atOnce = 10_000;

const Deletion = closed(
  {
    deleted: Type.Integer({ minimum: 0 }),
    refused: Type.Unsafe<Readonly<Record<string, number>>>({
      type: 'object',
      additionalProperties: { type: 'integer', minimum: 1 },
      description: 'How many rules stay, by the code of the error that keeps them: not-owner, beyond-limits',
    }),
  },
  { $id: 'RuleDeletion' },
);

/** What became of many rules: how many had each result. */
type Counts = Map<string, number>;

/** Takes out all rules that a filter means. */
export const deleteRules = route({
  method: 'DELETE',
  path: '/v1/rules',
  operationId: 'deleteRules',
  summary: 'Deletes all rules that a filter means',
  description: `Takes the filters of GET /v1/rules. Without a filter it needs all=true. Rules that are put meanwhile stay. They go some at a time: what kernel or disk refuse ends that, and those before are gone. With confirm they go all at once, and may be at most ${atOnce}.`,
  tag: 'Rules',
  scope: 'rules:write',
  mutation: true,
  query: closed({
    ...filterQuery,
    all: Type.Optional(Type.Boolean({ default: false, description: 'That really all rules are meant' })),
  }),
  answers: {
    200: {
      description: 'How many are gone',
      schema: Deletion,
      example: { deleted: 118, refused: { 'not-owner': 2 } },
    },
  },
  problems: [...filterProblems, ...changeProblems],
})(async (asked, services) => {
  const { all = false, ...query } = asked.query;
  const filter = filterOf(query);
  if (Object.keys(filter).length > 0 === all) throw unclear(all);
  const { engine } = services;
  return mutate<Counts, ReturnType<typeof answer>>(asked, services, {
    operation: 'rules.delete-many',
    target: all ? 'all' : new URLSearchParams(query as Record<string, string>).toString(),
    body: null,
    preview: () => eachChunk(asked, engine, filter, new Map(), (group) => engine.preview(group)),
    make: (recording, confirm) =>
      confirm === undefined
        ? deleteInChunks(asked, engine, filter, recording)
        : deleteAtOnce(asked, engine, filter, recording, confirm),
    answer,
    effect: (counts) => ({ before: null, after: Object.fromEntries(counts), result: 'done' }),
  });
});

function unclear(all: boolean): RequestError {
  const message = all
    ? 'all=true and a filter say different things: give one of them'
    : 'Without a filter all rules would be deleted: say so with all=true, or give a filter';
  return new RequestError('request-invalid', message, [{ parameter: 'all', message }]);
}

function answer(counts: Counts) {
  const refused = [...counts].filter(([result]) => result !== 'deleted' && result !== 'absent');
  return {
    status: 200,
    body: { deleted: counts.get('deleted') ?? 0, refused: Object.fromEntries(refused) },
  } as const;
}

async function deleteInChunks(
  asked: AskedMutation,
  engine: Engine,
  filter: RuleFilter,
  recording: (counts: Counts) => Recording,
): Promise<Counts> {
  const counts: Counts = new Map();
  const record = (of: () => Recording) => engine.write({ commands: [], atomic: true, record: of });
  try {
    await eachChunk(asked, engine, filter, counts, (group) => engine.write(group));
  } catch (error) {
    // The answer will be an error; the audit log says what was done until then.
    if (counts.size > 0) await record(() => ({ audit: recording(counts).audit ?? [] })).catch(() => {});
    throw error;
  }
  await record(() => recording(counts));
  return counts;
}

async function deleteAtOnce(
  asked: AskedMutation,
  engine: Engine,
  filter: RuleFilter,
  recording: (counts: Counts) => Recording,
  confirm: ConfirmRequest,
): Promise<Counts> {
  const commands: AskedCommand[] = [];
  const refused: Counts = new Map();
  await eachPage(engine, filter, async (rules) => {
    commands.push(...permitted(asked, rules, refused));
    if (commands.length <= atOnce) return;
    const message = `More than ${atOnce} rules can't wait for a confirmation: narrow the filter, or leave confirm out`;
    throw new RequestError('request-invalid', message, [{ parameter: 'confirm', message }]);
  });
  const counted = (results: readonly Result[]): Counts => count(results, new Map(refused));
  const record = (results: readonly Result[]): Recording => recording(counted(results));
  return counted(await engine.write({ commands, atomic: false, record }, confirm));
}

/**
 * Deletes, or would delete, some rules after the others.
 * @param counts what became of them so far
 * @throws RfwError what kernel or disk refuse
 */
async function eachChunk(
  asked: AskedMutation,
  engine: Engine,
  filter: RuleFilter,
  counts: Counts,
  write: (group: Group) => Promise<readonly Result[]>,
): Promise<Counts> {
  await eachPage(engine, filter, async (rules) => {
    const commands = permitted(asked, rules, counts);
    if (commands.length === 0) return;
    const results = await write({ commands, atomic: false });
    count(results, counts);
    const failure = results.find((result) => result instanceof RfwError && problems[result.code].status >= 500);
    if (failure !== undefined) throw failure;
  });
  return counts;
}

/** The rules that a filter means, newest first: those that are put meanwhile are not among them. */
async function eachPage(
  engine: Engine,
  filter: RuleFilter,
  visit: (rules: readonly Rule[]) => Promise<void>,
): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await engine.reader.find({ filter, limit: chunk, ...(cursor !== undefined && { cursor }) }, false);
    await visit(page.rules.map(({ rule }) => rule));
    cursor = page.next;
  } while (cursor !== undefined);
}

/** The commands that delete rules, but for those that are beyond the limits of who asks: they are counted. */
function permitted(asked: AskedMutation, rules: readonly Rule[], counts: Counts): AskedCommand[] {
  return rules.flatMap((rule): AskedCommand[] => {
    try {
      refuseBeyondLimits(asked.principal, rule, 'unchanged');
    } catch (error) {
      count([asRfwError(error)], counts);
      return [];
    }
    return [{ kind: 'delete', ...who(asked, rule) }];
  });
}

function count(results: readonly Result[], counts: Counts): Counts {
  for (const result of results) {
    const name = result instanceof RfwError ? result.code : result.status;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
