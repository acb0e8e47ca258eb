import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether the openssl program is on this machine. */
export const hasOpenSsl = spawnSync('openssl', ['version']).status === 0;

/** Runs openssl in the directory, and returns what it prints. Throws with its complaint when it fails. */
export function openSsl(directory: string, ...args: string[]): string {
  return execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs `use` with a new directory, which is removed afterwards. */
export async function inDirectory<T>(use: (directory: string) => T | Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'rfwgen-'));
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What `openssl verify` says of a certificate under an authority, both PEM. `options` come before the file names. */
export function verify(authority: string, certificate: string, ...options: string[]): Promise<string> {
  return inDirectory((directory) => {
    writeFileSync(join(directory, 'ca.crt'), authority);
    writeFileSync(join(directory, 'server.crt'), certificate);
    return openSsl(directory, 'verify', ...options, '-CAfile', 'ca.crt', 'server.crt');
  });
}

/** The text form of a certificate in PEM, one space between words. */
export function describeCertificate(certificate: string): Promise<string> {
  return inDirectory((directory) => {
    writeFileSync(join(directory, 'any.crt'), certificate);
    return openSsl(directory, 'x509', '-in', 'any.crt', '-noout', '-text').replace(/\s+/g, ' ');
  });
}
