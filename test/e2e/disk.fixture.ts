import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { must } from './process.fixture.ts';
import type { Program } from './program.fixture.ts';

/** Writes to the file until there is no space left. */
export function fill(file: string): void {
  const descriptor = openSync(file, 'a');
  const block = Buffer.alloc(4096, 'x');
  try {
    for (;;) writeSync(descriptor, block);
  } catch {
    // That was the purpose.
  } finally {
    closeSync(descriptor);
  }
}

/** A disk of one megabyte. @returns where it is mounted; the namespace of the test run ends it at the latest */
export async function smallDisk(program: Program): Promise<string> {
  const folder = program.fresh('disk');
  mkdirSync(folder);
  await must('mount', '-t', 'tmpfs', '-o', 'size=1m', 'rfw-e2e', folder);
  return folder;
}
