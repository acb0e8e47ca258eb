import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { crc32 } from 'node:zlib';

/** Raised whenever what is in a snapshot changes its form. */
const format = 2;

/** What tells a file from what it was before anybody wrote to it: the system keeps the time of the last change by itself. */
export type Identity = string;

/** The identity of a database; undefined where there is none, or where its journal holds more than the file. */
export function identityOf(database: string): Identity | undefined {
  try {
    if (existsSync(`${database}-wal`) && statSync(`${database}-wal`).size > 0) return undefined;
    const { dev, ino, size, ctimeNs } = statSync(database, { bigint: true });
    return `${dev} ${ino} ${size} ${ctimeNs}`;
  } catch {
    return undefined;
  }
}

interface Header {
  /** What wrote it: what is in it means something to the same program only. */
  readonly program: string;
  readonly format: number;
  readonly database: Identity;
  readonly checksum: number;
  readonly length: number;
}

function fileIn(folder: string): string {
  return join(folder, 'rfw.snapshot');
}

/**
 * Writes what the next run may go on from: a copy of what can be had from the database more slowly, so that nothing is lost
 * when it can't be written. It counts for as long as the database is what it is now.
 */
export function writeSnapshot(folder: string, database: Identity | undefined, program: string, content: unknown): void {
  if (database === undefined) return;
  const aside = `${fileIn(folder)}.new`;
  try {
    const bytes = serialize(content);
    const header: Header = { program, format, database, checksum: crc32(bytes), length: bytes.length };
    const descriptor = openSync(aside, 'w', 0o600);
    try {
      writeWhole(descriptor, Buffer.from(`${JSON.stringify(header)}\n`));
      writeWhole(descriptor, bytes);
    } finally {
      closeSync(descriptor);
    }
    renameSync(aside, fileIn(folder));
  } catch {
    // A full disk: the next start takes longer.
    rmSync(aside, { force: true });
  }
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

/**
 * Reads a snapshot, which is gone after that; undefined when there is none, or none of this database as it is, or none that
 * this program has written.
 */
export function readSnapshot(folder: string, database: Identity | undefined, program: string): unknown {
  const file = fileIn(folder);
  if (!existsSync(file)) return undefined;
  try {
    return database === undefined ? undefined : contentOf(readFileSync(file), database, program);
  } catch {
    return undefined;
  } finally {
    rmSync(file, { force: true });
  }
}

function contentOf(bytes: Buffer, database: Identity, program: string): unknown {
  const end = bytes.indexOf('\n');
  const header = JSON.parse(bytes.toString('utf8', 0, end)) as Header;
  if (header.program !== program || header.format !== format || header.database !== database) return undefined;
  const content = bytes.subarray(end + 1);
  return content.length === header.length && crc32(content) === header.checksum ? deserialize(content) : undefined;
}
