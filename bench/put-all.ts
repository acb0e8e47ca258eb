import type { PutCommand } from '../src/engine/decide.ts';
import type { Engine } from '../src/engine/engine.ts';

/** Commands under way at the same time, where the engine takes only single ones. */
const underWay = 1000;

/** An engine that takes many commands at once and lets single ones in between. */
interface BulkEngine {
  submitAll(commands: Iterable<PutCommand>): Promise<unknown>;
}

function takesMany(engine: object): engine is BulkEngine {
  return 'submitAll' in engine;
}

/** Puts many rules through the engine, by the quickest way that it has. */
export async function putAll(engine: Engine, commands: Iterable<PutCommand>): Promise<void> {
  if (takesMany(engine)) return void (await engine.submitAll(commands));
  let chunk: Promise<unknown>[] = [];
  for (const command of commands) {
    chunk.push(engine.submit(command));
    if (chunk.length < underWay) continue;
    await Promise.all(chunk);
    chunk = [];
  }
  await Promise.all(chunk);
}
