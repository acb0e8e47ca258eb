import type { Command } from 'commander';
import type { AuditEntry, Operations } from '../api-types.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { harmless, table } from '../output/table.ts';
import { countOf, type Run } from '../program.ts';
import type { Session } from '../session.ts';

interface AuditOptions {
  readonly principal?: string;
  readonly operation?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
}

/** Entries on a page of the API, at most. */
const pageLength = 1000;

/** `audit`: who did what. */
export function addAuditCommand(program: Command, run: Run): void {
  program
    .command('audit')
    .description('list who did what, newest first; rfw --verify-audit says whether the log is as it was written')
    .option('--principal <name>', 'what this principal did')
    .option('--operation <name>', 'such as rules.put or lists.replace')
    .option('--since <instant>', 'from then on (RFC 3339)')
    .option('--until <instant>', 'before then (RFC 3339)')
    .option('--limit <n>', 'how many at most', countOf(1), 100)
    .action(run((session, options: AuditOptions) => audit(session, options)));
}

function audit(session: Session, { limit, ...filter }: AuditOptions): Promise<ExitCode> {
  return session.each(async (api) => {
    const entries: AuditEntry[] = [];
    for (let before: number | undefined; entries.length < limit; ) {
      const page: Operations['listAudit']['query'] = {
        ...filter,
        limit: Math.min(pageLength, limit - entries.length),
        ...(before !== undefined && { before }),
      };
      const { items, next } = await api.call('listAudit', { query: page });
      entries.push(...items);
      if (next === null) break;
      before = next;
    }
    const columns = [
      { title: 'WHEN', cell: ({ at }: AuditEntry) => at },
      { title: 'WHO', cell: ({ principal }: AuditEntry) => harmless(principal) },
      { title: 'FROM', cell: ({ door, address }: AuditEntry) => (address === '' ? door : address) },
      { title: 'WHAT', cell: ({ operation }: AuditEntry) => operation },
      { title: 'RESULT', cell: ({ result }: AuditEntry) => result },
      { title: 'TARGET', cell: ({ target }: AuditEntry) => harmless(target) },
    ];
    const text = entries.length === 0 ? 'No entries\n' : table(columns, entries, session.output.width);
    return { exit: exitCodes.done, value: entries, text };
  });
}
