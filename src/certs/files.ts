import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { link, lstat, mkdir, open, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RfwError, reasonOf } from '../domain/errors.ts';

/** A directory that must be there. The mode is for a new one: one that stands keeps its own. */
export interface Directory {
  readonly path: string;
  readonly mode: number;
}

/** A file that is to have this text. */
export interface TextFile {
  readonly path: string;
  readonly mode: number;
  readonly text: string;
  /** Whether it may take the place of a file that is there. */
  readonly replace: boolean;
}

/** How to take back the steps done so far, the last one first. */
type Undo = Array<() => Promise<void>>;

/** The `code` of a system error. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** The status of what stands at the path; a symbolic link counts even when it leads nowhere. */
export async function statusOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new RfwError('certificate-invalid', `Can't look at ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * The text of a file.
 * @throws RfwError `certificate-invalid`
 */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new RfwError('certificate-invalid', `Can't read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * Writes the files durably: every one is complete on disk under a temporary name before the first gets its own, and
 * a reader never sees half of one. When anything fails, what was new is removed again; only a file that had already
 * taken the place of an older one stays.
 * @throws RfwError `certificate-invalid`
 */
export async function writeFiles(directories: readonly Directory[], files: readonly TextFile[]): Promise<void> {
  const undo: Undo = [];
  try {
    for (const directory of directories) await ensureDirectory(directory, undo);
    const staged: Array<{ readonly file: TextFile; readonly temporary: string }> = [];
    for (const file of files) staged.push({ file, temporary: await stage(file, undo) });
    for (const { file, temporary } of staged) await place(file, temporary, undo);
    for (const path of new Set(files.map((file) => dirname(file.path)))) await syncDirectory(path);
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    if (error instanceof RfwError) throw error;
    throw new RfwError('certificate-invalid', `Can't write the files: ${reasonOf(error)}`, { cause: error });
  }
}

async function ensureDirectory(directory: Directory, undo: Undo): Promise<void> {
  try {
    await mkdir(directory.path, { mode: directory.mode });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const there = await stat(directory.path).catch(() => undefined);
    if (there?.isDirectory()) return;
    throw new RfwError('certificate-invalid', `${directory.path} is in the way: it isn't a directory`);
  }
  undo.push(() => rmdir(directory.path));
  await withHandle(directory.path, 'r', undefined, (handle) => handle.chmod(directory.mode));
  await syncDirectory(dirname(directory.path));
}

/** Writes the text beside the place of the file, and returns where. */
async function stage(file: TextFile, undo: Undo): Promise<string> {
  const temporary = join(dirname(file.path), `.${basename(file.path)}.${randomBytes(6).toString('hex')}.tmp`);
  undo.push(() => rm(temporary, { force: true }));
  // The mode holds from the moment of creation, so a key is never readable by others; chmod undoes only the umask.
  await withHandle(temporary, 'wx', file.mode, async (handle) => {
    await handle.chmod(file.mode);
    await handle.writeFile(file.text);
    await handle.sync();
  });
  return temporary;
}

async function place(file: TextFile, temporary: string, undo: Undo): Promise<void> {
  if (file.replace) {
    await rename(temporary, file.path);
    return;
  }
  try {
    // Unlike rename, link never takes the place of a file that appeared since we looked.
    await link(temporary, file.path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      throw new RfwError('certificate-invalid', `${file.path} appeared meanwhile: is rfwgen running twice?`);
    }
    if (!linkless.has(codeOf(error) ?? '') || (await statusOf(file.path)) !== undefined) throw error;
    await rename(temporary, file.path);
  }
  undo.push(() => rm(file.path));
  await rm(temporary, { force: true });
}

/** What a file system without hard links answers: FAT, as on a memory stick that holds the key of the authority. */
const linkless = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** A new name is durable only when its directory is on disk, too. */
async function syncDirectory(path: string): Promise<void> {
  await withHandle(path, 'r', undefined, (handle) => handle.sync());
}

async function withHandle(
  path: string,
  flags: string,
  mode: number | undefined,
  use: (handle: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const handle = await open(path, flags, mode);
  try {
    await use(handle);
  } finally {
    await handle.close();
  }
}
