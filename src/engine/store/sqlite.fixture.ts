import { type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Compiled } from '../../compiled.fixture.ts';

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'rfw-store-'));
}

/** The store for processes of its own. */
export class CompiledStore {
  readonly #modules: Compiled;

  private constructor(modules: Compiled) {
    this.#modules = modules;
  }

  static async make(): Promise<CompiledStore> {
    return new CompiledStore(await Compiled.make('engine/store/sqlite', 'domain/address'));
  }

  /** A process that runs the text, in which `SqliteStore` and `parsePrefix` are known. */
  run(text: string, options: SpawnOptions = {}, launcher: readonly string[] = []): ReturnType<typeof spawn> {
    const script = this.#modules.file(`script-${process.hrtime.bigint()}`);
    const imports = [
      ['SqliteStore', 'engine/store/sqlite'],
      ['parsePrefix', 'domain/address'],
    ].map(([name, module = '']) => `import { ${name} } from '${this.#modules.file(module)}';`);
    writeFileSync(script, [...imports, text].join('\n'));
    const [command = '', ...args] = [...launcher, process.execPath, script];
    return spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  }

  dispose(): void {
    this.#modules.remove();
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
