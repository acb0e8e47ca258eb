import { join } from 'node:path';
import { RfwError } from '../domain/errors.ts';
import { type Authority, formatDay, makeAuthority, readAuthority } from './authority.ts';
import { formatCertificate } from './certificate.ts';
import { type Directory, readText, statusOf, type TextFile, writeFiles } from './files.ts';
import { formatKey, type KeyAlgorithm } from './key.ts';
import { makeServer, type Server } from './server.ts';
import type { SubjectName } from './subject.ts';

/** One run of rfwgen. */
export interface Request {
  /** The server's address first. */
  readonly names: readonly [SubjectName, ...SubjectName[]];
  readonly algorithm: KeyAlgorithm;
  /** How long the server's certificate is to be valid. */
  readonly days: number;
  /** Overwrite without asking. */
  readonly force: boolean;
}

/** What a run works with. */
export interface Surroundings {
  /** The directory in which the files go. */
  readonly directory: string;
  readonly now: Date;
  /** Asks the user, and gives the answer; absent when there is nobody to ask. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
}

/** Where the files go, from the working directory: the paths of 2014, which operators have in their scripts. */
const authorityPaths = { key: 'offline/ca.key', certificate: 'client/ca.crt' } as const;

interface ServerPaths {
  readonly directory: string;
  readonly key: string;
  readonly certificate: string;
}

function serverPaths(address: string): ServerPaths {
  const directory = `server_${address}`;
  return { directory, key: `${directory}/server.key`, certificate: `${directory}/server.crt` };
}

/**
 * Makes the files of one server, and the authority when there is none, and returns what to tell the user, line by line.
 * Everything is decided, asked and made before the first file is written.
 * @throws RfwError `certificate-invalid`
 */
export async function generate(request: Request, around: Surroundings): Promise<string[]> {
  const paths = serverPaths(request.names[0].value);
  const standing = await findAuthority(around);
  const replace = await mayReplace(paths, request.force, around);
  const authority = standing ?? (await makeAuthority(request.algorithm, around.now));
  const server = await makeServer(authority, request, around.now);
  const files = [
    ...(standing === undefined ? authorityFiles(authority) : []),
    ...serverFiles(server, paths).map((file) => ({ ...file, replace })),
  ];
  await writeFiles(
    directoriesOf(paths, standing === undefined).map((directory) => ({
      ...directory,
      path: join(around.directory, directory.path),
    })),
    files.map((file) => ({ ...file, path: join(around.directory, file.path) })),
  );
  return [
    ...describeAuthority(authority, standing === undefined),
    ...(await warnings(authority, around)),
    ...describeServer(server, request),
    ...instructions(request.names[0].value, paths),
  ];
}

/** The authority that stands in the directory, or undefined when there is none at all. */
async function findAuthority(around: Surroundings): Promise<Authority | undefined> {
  const keyPath = join(around.directory, authorityPaths.key);
  const certificatePath = join(around.directory, authorityPaths.certificate);
  const key = await statusOf(keyPath);
  const certificate = await statusOf(certificatePath);
  if (key === undefined && certificate === undefined) return undefined;
  if (key === undefined || certificate === undefined) {
    const [there, missing] =
      key === undefined
        ? [authorityPaths.certificate, authorityPaths.key]
        : [authorityPaths.key, authorityPaths.certificate];
    throw new RfwError(
      'certificate-invalid',
      `${missing} is missing, but ${there} is there. Put back the ${missing} that belongs to it; or, to start a new ` +
        `authority with new files for every server and client, move ${there} away first`,
    );
  }
  return readAuthority(
    {
      key: await readText(keyPath),
      keyName: authorityPaths.key,
      certificate: await readText(certificatePath),
      certificateName: authorityPaths.certificate,
    },
    around.now,
  );
}

/** Whether the files of the server may take the place of others: agreed with the user when any stands. */
async function mayReplace(paths: ServerPaths, force: boolean, around: Surroundings): Promise<boolean> {
  const standing: string[] = [];
  for (const path of [paths.key, paths.certificate]) {
    if ((await statusOf(join(around.directory, path))) !== undefined) standing.push(path);
  }
  if (force) return true;
  if (standing.length === 0) return false;
  const exist = `${standing.join(' and ')} already ${standing.length === 1 ? 'exists' : 'exist'}`;
  if (around.ask === undefined) {
    throw new RfwError(
      'certificate-invalid',
      `${exist}, and there is no terminal to ask on: use --force to overwrite. Nothing was changed`,
    );
  }
  const answer = await around.ask(`${exist}. Overwrite? (y/n) [n] `);
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new RfwError('certificate-invalid', 'Nothing was changed');
  return true;
}

function directoriesOf(paths: ServerPaths, newAuthority: boolean): Directory[] {
  const authority = [
    { path: 'offline', mode: 0o700 },
    { path: 'client', mode: 0o755 },
  ];
  return [...(newAuthority ? authority : []), { path: paths.directory, mode: 0o700 }];
}

function authorityFiles(authority: Authority): TextFile[] {
  return [
    { path: authorityPaths.key, mode: 0o600, text: formatKey(authority.key), replace: false },
    {
      path: authorityPaths.certificate,
      mode: 0o644,
      text: formatCertificate(authority.certificate),
      replace: false,
    },
  ];
}

function serverFiles(server: Server, paths: ServerPaths): Array<Omit<TextFile, 'replace'>> {
  return [
    { path: paths.key, mode: 0o600, text: formatKey(server.key) },
    { path: paths.certificate, mode: 0o644, text: formatCertificate(server.certificate) },
  ];
}

function describeAuthority(authority: Authority, made: boolean): string[] {
  const subject = authority.certificate.subject;
  return [`${made ? 'Made' : 'Used'} the authority ${subject}, valid until ${formatDay(authority.validity.until)}`];
}

/** Things that work and yet should be put right, all about an authority that rfwgen found. */
async function warnings(authority: Authority, around: Surroundings): Promise<string[]> {
  const lines: string[] = [];
  if (!authority.declared) {
    lines.push(
      `Warning: ${authorityPaths.certificate} doesn't say that it is the certificate of an authority ` +
        '(basicConstraints), so OpenSSL and curl refuse what it signs',
    );
  }
  const key = await statusOf(join(around.directory, authorityPaths.key));
  if (key?.isFile() && (key.mode & 0o077) !== 0) {
    lines.push(`Warning: other users can read ${authorityPaths.key}: chmod 600 ${authorityPaths.key}`);
  }
  return lines;
}

function describeServer(server: Server, request: Request): string[] {
  const names = request.names.map((name) => name.value).join(', ');
  const shortened = server.shortened ? ', when the authority ends' : '';
  return [`Made the certificate for ${names}, valid until ${formatDay(server.validity.until)}${shortened}`];
}

function instructions(address: string, paths: ServerPaths): string[] {
  const host = address.includes(':') ? `[${address}]` : address;
  return [
    `${authorityPaths.key}: keep it off the network; it is needed only to make the certificates of more servers`,
    `${paths.key}: put it on the server, readable by root only, and set outward.server.keyfile in rfw.conf to its path`,
    `${paths.certificate}: put it on the server, and set outward.server.certfile in rfw.conf to its path`,
    `${authorityPaths.certificate}: put it on every client: ` +
      `curl --cacert ${authorityPaths.certificate} --user NAME:PASSWORD 'https://${host}:7393/'`,
  ];
}
