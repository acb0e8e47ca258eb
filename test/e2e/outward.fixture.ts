import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { must } from './process.fixture.ts';
import type { Program } from './program.fixture.ts';

/** Makes certificates. @returns lines of the configuration for a server that others can reach, which makes rfw guard its port */
export async function outwardServer(program: Program): Promise<readonly string[]> {
  const certificates = program.fresh('certificates');
  mkdirSync(certificates);
  await must('sh', '-c', `cd ${certificates} && ${process.execPath} ${program.path('bin/rfwgen')} 127.0.0.1`);
  const server = join(certificates, 'server_127.0.0.1');
  return [
    ...['outward.server', `outward.server.certfile = ${server}/server.crt`],
    ...[`outward.server.keyfile = ${server}/server.key`, 'auth.username = central', 'auth.password = s3cret'],
  ];
}
