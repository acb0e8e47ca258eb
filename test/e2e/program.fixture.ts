import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The program as a package installs it: without sources, so that it starts what was built and never builds itself.
 * A folder for the files of a test comes with it.
 */
export class Program {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rfw-e2e-'));
  #files = 0;

  constructor() {
    // Another user can read it, as an installed package.
    chmodSync(this.#folder, 0o755);
    for (const part of ['bin', 'dist', 'config', 'package.json']) {
      cpSync(join(checkout, part), this.path(part), { recursive: true });
    }
    symlinkSync(join(checkout, 'node_modules'), this.path('node_modules'));
  }

  path(...parts: string[]): string {
    return join(this.#folder, ...parts);
  }

  /** A path that nothing has yet, for a folder or a file. */
  fresh(label: string): string {
    return this.path(`${label}-${++this.#files}`);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
