import type { Backend } from '../src/backends/backend.ts';
import type { PutCommand } from '../src/engine/decide.ts';
import type { Engine } from '../src/engine/engine.ts';

export interface NftablesOptions {
  readonly counters: boolean;
  readonly rejectTcpWithReset: boolean;
}

/** The nftables backend, where this build has it. */
export async function makeNftables(options: NftablesOptions): Promise<Backend> {
  const path: string = '../src/backends/nftables/nftables.js';
  const { NftablesBackend } = (await import(path)) as { NftablesBackend: new (options: NftablesOptions) => Backend };
  return new NftablesBackend(options);
}

/** Puts many rules through the engine at once; in chunks of single commands where this build has no bulk. */
export async function putAll(engine: Engine, commands: Iterable<PutCommand>): Promise<void> {
  if ('submitAll' in engine) {
    await (engine as { submitAll(commands: Iterable<PutCommand>): Promise<unknown> }).submitAll(commands);
    return;
  }
  let chunk: Promise<unknown>[] = [];
  for (const command of commands) {
    chunk.push((engine as Engine).submit(command));
    if (chunk.length < 1000) continue;
    await Promise.all(chunk);
    chunk = [];
  }
  await Promise.all(chunk);
}
