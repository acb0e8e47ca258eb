import { extname } from 'node:path';
import { usageFailure } from '../failure.ts';
import { csvReader } from './csv.ts';
import type { Reader } from './item.ts';
import { jsonReader, ndjsonReader } from './json.ts';
import { readIpset, readNft, readPlain } from './text.ts';

/** The forms of lists of addresses that are read. */
export const inputFormats = ['plain', 'netset', 'ipset', 'nft', 'csv', 'json', 'ndjson'] as const;
export type InputFormat = (typeof inputFormats)[number];

/** What more is to be known of some of them. */
export interface FormatOptions {
  readonly format?: InputFormat;
  /** Of CSV. */
  readonly column?: string;
  /** Of JSON and NDJSON. */
  readonly path?: string;
}

/** The reader of a source. @param name of its file or URL @param beginning of its text @throws Failure `usage` */
export function readerOf({ format, column, path }: FormatOptions, name: string, beginning: string): Reader {
  const taken = format ?? guess(name, beginning);
  if (column !== undefined && taken !== 'csv') throw usageFailure(`--column is for csv, and this is ${taken}`);
  if (path !== undefined && taken !== 'json' && taken !== 'ndjson')
    throw usageFailure(`--path is for json and ndjson, and this is ${taken}`);
  switch (taken) {
    case 'plain':
    case 'netset':
      return readPlain;
    case 'ipset':
      return readIpset;
    case 'nft':
      return readNft;
    case 'csv':
      return csvReader(column);
    case 'json':
      return jsonReader(path);
    case 'ndjson':
      return ndjsonReader(path);
  }
}

const formatOfExtension: Readonly<Record<string, InputFormat>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.json': 'json',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.nft': 'nft',
  '.netset': 'netset',
};

/** The format of a source that nobody has named: by how it begins, else by its name. */
function guess(name: string, beginning: string): InputFormat {
  const [first = '', second = ''] = beginning
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  // What others call an .ipset file is mostly plain.
  if (/^(?:create|add) \S+ /.test(first)) return 'ipset';
  if (/^(?:table|flush|define|set|add (?:table|set|element)) /.test(first) || /^#!.*\bnft\b/.test(first)) return 'nft';
  if (first.startsWith('[')) return 'json';
  if (first.startsWith('{')) return first.endsWith('}') && second.startsWith('{') ? 'ndjson' : 'json';
  return formatOfExtension[extname(name).toLowerCase()] ?? 'plain';
}
