import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { main, type Terminal } from './rfwgen.ts';

/** When the program runs, unless a test says otherwise. */
export const now = new Date('2026-11-23T09:00:00Z');

interface Run {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  /** What was asked. */
  readonly asked: readonly string[];
}

/** Runs the program in the directory; `reply` is what the user answers, when there is one. */
export async function rfwgen(directory: string, line: string, more: { reply?: string; now?: Date } = {}): Promise<Run> {
  let out = '';
  let err = '';
  const asked: string[] = [];
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    ask:
      more.reply === undefined
        ? undefined
        : async (question) => {
            asked.push(question);
            return more.reply ?? '';
          },
    directory,
    now: more.now ?? now,
  };
  const status = await main(['node', 'rfwgen', ...line.split(' ').filter((word) => word !== '')], terminal);
  return { status, out, err, asked };
}

/** Every file under the directory with its mode and text: equal before and after means that nothing was changed. */
export function contents(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.map((entry): [string, string] => {
    const path = join(entry.parentPath, entry.name);
    const mode = (statSync(path).mode & 0o7777).toString(8);
    return [path.slice(directory.length + 1), entry.isFile() ? `${mode} ${readFileSync(path, 'utf8')}` : mode];
  });
  return Object.fromEntries(files.sort());
}
