import { exitOf } from './api.ts';
import type { BatchSummary } from './api-types.ts';
import { combinedExit, type ExitCode, exitCodes } from './failure.ts';

/** How a run ends that had a batch done: by what kept items from being done, where none was. */
export function exitOfSummary({ received, refused, refusals }: BatchSummary): ExitCode {
  if (refused === 0) return exitCodes.done;
  return refused < received ? exitCodes.partly : combinedExit(Object.keys(refusals).map((code) => exitOf(code)));
}

/** What became of many, in a line. */
export function countsOf(dryRun: boolean, summary: BatchSummary): string {
  const names = ['created', 'updated', 'exists', 'deleted', 'absent', 'refused'] as const;
  const counts = names.filter((name) => summary[name] > 0).map((name) => `${summary[name]} ${name}`);
  return `${dryRun ? 'Would be: ' : ''}${counts.length === 0 ? 'nothing to do' : counts.join(', ')}`;
}
