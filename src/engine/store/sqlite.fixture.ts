import { execFile, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'rfw-store-'));
}

/** The store as JavaScript, so that a process of its own can run it. */
export class Compiled {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Compiled> {
    const folder = temporaryFolder();
    symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const options = {
      extends: join(repository, 'tsconfig.json'),
      include: [join(repository, 'src/engine/store/sqlite.ts')],
    };
    const compilerOptions = { noEmit: false, noCheck: true, rootDir: join(repository, 'src'), outDir: folder };
    const types = { types: ['node'], typeRoots: [join(repository, 'node_modules/@types')] };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ ...options, compilerOptions: { ...compilerOptions, ...types } }),
    );
    await promisify(execFile)(join(repository, 'node_modules/.bin/tsc'), ['-p', folder]);
    return new Compiled(folder);
  }

  /** A process that runs the text, in which `SqliteStore` and `parsePrefix` are known. */
  run(text: string, options: SpawnOptions = {}, launcher: readonly string[] = []): ReturnType<typeof spawn> {
    const script = join(this.#folder, `script-${process.hrtime.bigint()}.js`);
    const imports = [
      ['SqliteStore', './engine/store/sqlite.js'],
      ['parsePrefix', './domain/address.js'],
    ].map(([name, file]) => `import { ${name} } from '${file}';`);
    writeFileSync(script, [...imports, text].join('\n'));
    const [command = '', ...args] = [...launcher, process.execPath, script];
    return spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What a process writes until it ends. */
export async function outputOf(child: ReturnType<typeof spawn>): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += String(chunk);
  });
  child.stderr?.on('data', (chunk) => {
    text += String(chunk);
  });
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}
