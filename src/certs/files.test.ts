import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readText, statusOf, writeFiles } from './files.ts';
import { inDirectory } from './openssl.fixture.ts';

function mode(path: string): string {
  return (statSync(path).mode & 0o7777).toString(8);
}

function file(path: string, text = 'text', replace = false) {
  return { path, mode: 0o600, text, replace };
}

/** Every name under the directory. */
function names(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
}

describe('writing files', () => {
  it.each([0o000, 0o022, 0o077])('gives the modes asked for under umask %o', (mask) =>
    inDirectory(async (root) => {
      const before = process.umask(mask);
      try {
        await writeFiles(
          [
            { path: join(root, 'closed'), mode: 0o700 },
            { path: join(root, 'open'), mode: 0o755 },
          ],
          [file(join(root, 'closed/key')), { ...file(join(root, 'open/crt')), mode: 0o644 }],
        );
      } finally {
        process.umask(before);
      }
      expect(names(root)).toEqual(['closed', 'closed/key', 'open', 'open/crt']);
      const modes = ['closed', 'closed/key', 'open', 'open/crt'].map((name) => mode(join(root, name)));
      expect(modes).toEqual(['700', '600', '755', '644']);
    }),
  );

  it('leaves the mode of a directory that stands, and follows a link to one', () =>
    inDirectory(async (root) => {
      mkdirSync(join(root, 'medium'), { mode: 0o750 });
      symlinkSync('medium', join(root, 'offline'));
      await writeFiles([{ path: join(root, 'offline'), mode: 0o700 }], [file(join(root, 'offline/key'))]);
      expect(mode(join(root, 'medium'))).toBe('750');
      expect(readFileSync(join(root, 'medium/key'), 'utf8')).toBe('text');
    }));

  it('replaces a file only where it may, mode and all', () =>
    inDirectory(async (root) => {
      writeFileSync(join(root, 'old'), 'old', { mode: 0o644 });
      await writeFiles([], [file(join(root, 'old'), 'new', true)]);
      expect(readFileSync(join(root, 'old'), 'utf8')).toBe('new');
      expect(mode(join(root, 'old'))).toBe('600');
      await expect(writeFiles([], [file(join(root, 'old'), 'newer')])).rejects.toThrow(/appeared meanwhile/);
      expect(readFileSync(join(root, 'old'), 'utf8')).toBe('new');
      expect(names(root)).toEqual(['old']);
    }));

  it('takes everything new back when one file cannot be placed', () =>
    inDirectory(async (root) => {
      writeFileSync(join(root, 'standing'), 'old');
      const directories = [{ path: join(root, 'made'), mode: 0o700 }];
      const files = [file(join(root, 'made/first')), file(join(root, 'standing'))];
      await expect(writeFiles(directories, files)).rejects.toThrow(/appeared meanwhile/);
      expect(names(root)).toEqual(['standing']);
      expect(readFileSync(join(root, 'standing'), 'utf8')).toBe('old');
    }));

  it('takes everything new back when one file cannot be written', () =>
    inDirectory(async (root) => {
      const files = [file(join(root, 'first')), file(join(root, 'missing/second'))];
      await expect(writeFiles([], files)).rejects.toThrow(/^Can't write the files: ENOENT/);
      expect(names(root)).toEqual([]);
    }));

  it.each([
    ['a file', (path: string) => writeFileSync(path, '')],
    ['a link that leads nowhere', (path: string) => symlinkSync('nowhere', path)],
  ])('says so when %s is where a directory must be', (_what, make) =>
    inDirectory(async (root) => {
      make(join(root, 'offline'));
      const writing = writeFiles([{ path: join(root, 'offline'), mode: 0o700 }], []);
      await expect(writing).rejects.toThrow(/offline is in the way: it isn't a directory$/);
    }),
  );

  it('gives exactly one of two writers that run at once the file', () =>
    inDirectory(async (root) => {
      const path = join(root, 'ca.key');
      const outcomes = await Promise.allSettled(['one', 'two'].map((text) => writeFiles([], [file(path, text)])));
      const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled');
      expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
      expect(readFileSync(path, 'utf8')).toBe(['one', 'two'][winner]);
      expect(names(root)).toEqual(['ca.key']);
    }));
});

describe('looking at files', () => {
  it('sees a link that leads nowhere', () =>
    inDirectory(async (root) => {
      symlinkSync('nowhere', join(root, 'ca.key'));
      expect((await statusOf(join(root, 'ca.key')))?.isSymbolicLink()).toBe(true);
      expect(await statusOf(join(root, 'ca.crt'))).toBeUndefined();
    }));

  it('says what it cannot read', () =>
    inDirectory(async (root) => {
      await expect(readText(root)).rejects.toThrow(/^Can't read .*EISDIR/);
      writeFileSync(join(root, 'file'), '');
      await expect(statusOf(join(root, 'file/ca.key'))).rejects.toThrow(/^Can't look at .*ENOTDIR/);
    }));
});
