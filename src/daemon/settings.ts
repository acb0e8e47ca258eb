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

function loadTls({ certfile, keyfile }: OutwardConfig): TlsFiles {
  try {
    const files = { cert: readFileSync(certfile), key: readFileSync(keyfile) };
    createSecureContext(files);
    return files;
  } catch (error) {
    throw new RfwError(
      'certificate-invalid',
      `The outward server can't use the certificate ${certfile} with the key ${keyfile}: ${reasonOf(error)}. rfwgen makes a pair that fits`,
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
