import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { TlsFiles } from '../api/server.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import { parseWhitelist, type Whitelist } from '../domain/whitelist.ts';
import type { Protection } from '../engine/decide.ts';
import { type Config, loadConfig, type OutwardConfig, readText } from './config.ts';

/** The configuration with the files that it names. */
export interface Settings {
  readonly config: Config;
  readonly whitelist: Whitelist;
  /** Set when the outward server is on. */
  readonly tls: TlsFiles | undefined;
}

/**
 * Reads and checks the configuration, the whitelist and the certificate. Touches nothing else.
 * @throws RfwError `config-invalid`, `whitelist-invalid`, `certificate-invalid`
 */
export function loadSettings(file: string): Settings {
  const config = loadConfig(file);
  return {
    config,
    whitelist: parseWhitelist(readText(config.whitelistFile, 'the whitelist'), config.whitelistFile),
    tls: config.outward === undefined ? undefined : loadTls(config.outward),
  };
}

function loadTls({ certfile, keyfile, certificates }: OutwardConfig): TlsFiles {
  const clientCa = certificates && loadAuthority(certificates.authority);
  try {
    const files = { cert: readFileSync(certfile), key: readFileSync(keyfile) };
    createSecureContext(files);
    return { ...files, clientCa };
  } catch (error) {
    throw new RfwError(
      'certificate-invalid',
      `The outward server can't use the certificate ${certfile} with the key ${keyfile}: ${reasonOf(error)}. rfwgen makes a pair that fits`,
      { cause: error },
    );
  }
}

/** Reads one authority or several. OpenSSL itself skips what it can't read, and would then believe no client. */
function loadAuthority(file: string): Buffer {
  try {
    const text = readFileSync(file, 'utf8');
    const blocks = text.match(/-----BEGIN [^-]+-----.*?-----END [^-]+-----/gs) ?? [];
    if (blocks.length === 0) throw new Error('there is no certificate in it');
    for (const block of blocks) {
      const certificate = new X509Certificate(block);
      if (!certificate.ca) throw new Error(`${certificate.subject} is no authority`);
    }
    return Buffer.from(text);
  } catch (error) {
    throw new RfwError(
      'certificate-invalid',
      `The outward server can't take outward.server.clientca ${file} for the authority of its clients: ${reasonOf(error)}`,
      { cause: error },
    );
  }
}

/** What the settings protect: the whitelisted addresses, and the port of the outward server against all others. */
export function protectionOf({ config, whitelist }: Settings): Protection {
  return {
    whitelist,
    guard: config.outward === undefined ? null : { port: config.outward.port, allowed: whitelist.prefixes() },
  };
}
