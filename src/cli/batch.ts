import { type Api, problemFailure } from './api.ts';
import type { BatchSummary, Problem, RuleInput } from './api-types.ts';
import { change } from './changes.ts';
import { exitCodes, Failure } from './failure.ts';
import { linesOf } from './lines.ts';
import { Progress } from './output/progress.ts';
import { counted } from './output/words.ts';
import { shortOf } from './reading.ts';
import { type Outcome, outcomeOf, type Session } from './session.ts';
import { countsOf, exitOfSummary } from './summary.ts';
import type { Target } from './target/endpoint.ts';

/** Refusals that are told of one by one. */
const toldOf = 20;

/** Items of a batch as NDJSON, a line each. */
export interface Batch {
  readonly content: Buffer;
  readonly items: number;
}

/** Has as much of a batch done as can be, shows how far it is, and tells of the items that are refused. @throws Failure */
export async function sendBatch(session: Session, api: Api, target: Target, batch: Batch): Promise<Outcome> {
  const { summary, confirmation } = await done(session, api, target, batch);
  tellRefusals(session, batch, summary);
  const value = { ...summary, ...(confirmation !== undefined && { confirmation }) };
  return { ...outcomeOf(session, value, [countsOf(session.dryRun, summary)]), exit: exitOfSummary(summary) };
}

interface Done {
  readonly summary: BatchSummary;
  readonly confirmation: string | undefined;
}

async function done(session: Session, api: Api, target: Target, { content, items }: Batch): Promise<Done> {
  const raw = { type: 'application/x-ndjson', content };
  // The head of an answer that tells how far it is comes before there is anything to confirm.
  if (session.confirm !== undefined) {
    const { value, confirmation } = await change(session, api, target, 'batchRules', { raw });
    return { summary: value, confirmation };
  }
  const response = await api.open('batchRules', { query: { progress: true, ...session.mutation }, raw });
  const progress = session.targets.length > 1 ? undefined : new Progress(session.output, target.name, items);
  let count = 0;
  let ending: Ending = {};
  try {
    for await (const line of linesOf(response)) {
      const told = JSON.parse(line) as Ending & { readonly progress?: { readonly done: number } };
      count = told.progress?.done ?? count;
      progress?.at(count);
      ending = told;
    }
  } catch (error) {
    throw brokenOff(count, items, error);
  } finally {
    progress?.end();
  }
  if (ending.problem !== undefined) throw problemFailure(ending.problem);
  if (ending.summary === undefined) throw brokenOff(count, items);
  return { summary: ending.summary, confirmation: undefined };
}

/** What the last line of an answer has that tells how far it is. */
interface Ending {
  readonly summary?: BatchSummary;
  readonly problem?: Problem;
}

function brokenOff(count: number, items: number, cause?: unknown): Failure {
  const message = `The connection broke off after ${count} of ${counted(items, 'rule')}: do it again, which does no harm`;
  return new Failure(exitCodes.unreachable, message, { cause });
}

function tellRefusals({ output }: Session, { content }: Batch, { errors, refused }: BatchSummary): void {
  const told = errors.slice(0, toldOf);
  const names = addressesAt(content, new Set(told.map(({ line = 0 }) => line)));
  for (const { line = 0, message } of told) output.error(`${names.get(line) ?? `item ${line}`}: ${message}`);
  if (refused > told.length) output.error(`and ${refused - told.length} more that were refused`);
}

/** The addresses of the items in these lines. */
function addressesAt(content: Buffer, lines: ReadonlySet<number>): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  let start = 0;
  for (let line = 1; found.size < lines.size && start < content.length; line++) {
    const end = content.indexOf('\n', start);
    if (lines.has(line)) {
      const { source, destination } = JSON.parse(content.toString('utf8', start, end)) as RuleInput;
      found.set(line, shortOf(source ?? destination ?? ''));
    }
    start = end + 1;
  }
  return found;
}
