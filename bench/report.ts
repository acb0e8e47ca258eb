import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Row } from './finding.ts';

const columns = ['work', 'result', 'target', 'met?', 'beside it, same run'] as const;

/** The findings as a table in Markdown, with columns wide enough to be read as they are. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map(({ work, result, target, met, beside }) => [
    work,
    result,
    target,
    met === undefined ? '' : met ? 'yes' : 'NO',
    beside,
  ]);
  const widths = columns.map((name, column) =>
    Math.max(name.length, ...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...lines.map(line), ''].join('\n');
}

/** What the figures come from. */
export function machine(): Readonly<Record<string, string | number>> {
  return {
    cpu: /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryMB: Math.round(totalmem() / 1e6),
    kernel: release(),
    node: process.version,
    date: new Date().toISOString(),
  };
}
