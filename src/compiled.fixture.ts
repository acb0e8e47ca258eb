import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const checkout = fileURLToPath(new URL('..', import.meta.url));

/** Modules of src as JavaScript, with all that they import, for processes that no test runner loads. */
export class Compiled {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rfw-compiled-'));

  private constructor() {
    symlinkSync(join(checkout, 'node_modules'), join(this.#folder, 'node_modules'));
    writeFileSync(join(this.#folder, 'package.json'), '{"type":"module"}');
  }

  /** @param names of the modules, as `netlink/connection` */
  static async make(...names: readonly string[]): Promise<Compiled> {
    const compiled = new Compiled();
    const input = Object.fromEntries(names.map((name) => [name, join(checkout, 'src', `${name}.ts`)]));
    const bundle = await rolldown({ input, platform: 'node', external: /^(?!\.|\/)/ });
    await bundle.write({ dir: compiled.#folder, format: 'esm' });
    await bundle.close();
    return compiled;
  }

  /** Where a module is that was named, or a file may be that imports it. */
  file(name: string): string {
    return join(this.#folder, `${name}.js`);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
