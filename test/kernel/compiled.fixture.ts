import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** A module of the sources as JavaScript, with all that it imports, for a process of its own that no test runner loads. */
export class Compiled {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rfw-compiled-'));

  private constructor() {
    symlinkSync(join(checkout, 'node_modules'), join(this.#folder, 'node_modules'));
  }

  /** @param source its path from the root of the checkout */
  static async make(source: string): Promise<Compiled> {
    const compiled = new Compiled();
    const input = join(checkout, source);
    const bundle = await rolldown({ input, platform: 'node', external: /^(?!\.|\/)/ });
    await bundle.write({ file: compiled.file, format: 'esm' });
    await bundle.close();
    return compiled;
  }

  get file(): string {
    return join(this.#folder, 'module.js');
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
