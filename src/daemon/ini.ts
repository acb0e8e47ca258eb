import { RfwError } from '../domain/errors.ts';

/** A setting as it stands in the file. */
export interface IniEntry {
  /** Null for a key that stands alone on its line, which turns a flag on. */
  readonly value: string | null;
  /** From 1. */
  readonly line: number;
}

/**
 * Reads the `[config]` section of a file in the format that Python's ConfigParser read in 2014: `key = value` or
 * `key: value`, flags without a value, comments on lines that begin with # or ;, and a comment after a value only where
 * white space and ; precede it - a # belongs to the value, and may be part of a password. Keys are
 * case-insensitive; the last of two equal keys counts.
 * @throws RfwError `config-invalid` with file and line
 */
export function parseIni(text: string, file: string): Map<string, IniEntry> {
  const entries = new Map<string, IniEntry>();
  let section: string | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const where = `${file}, line ${index + 1}`;
    const header = /^\[([^\]]*)\]$/.exec(line);
    if (header) {
      section = header[1]?.trim();
      if (section !== 'config')
        throw new RfwError('config-invalid', `${where}: unknown section [${section}]. Allowed: [config]`);
      continue;
    }
    if (section === undefined) throw new RfwError('config-invalid', `${where}: settings must follow a line [config]`);
    const [, key = '', value] = /^([^=:\s]+)(?:\s*[=:]\s*(.*))?$/.exec(line) ?? [];
    if (key === '')
      throw new RfwError('config-invalid', `${where}: must be "key = value", or a key alone to turn a flag on`);
    entries.set(key.toLowerCase(), { value: value === undefined ? null : cleanValue(value), line: index + 1 });
  }
  return entries;
}

/** The first semicolon alone decides: it begins a comment when white space precedes it. */
function cleanValue(value: string): string {
  const semicolon = value.indexOf(';');
  const bare = semicolon > 0 && /\s/.test(value[semicolon - 1] ?? '') ? value.slice(0, semicolon).trim() : value.trim();
  return bare === '""' ? '' : bare;
}
