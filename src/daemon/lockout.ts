import type { Logger } from 'pino';
import { type Address, formatAddress, hostPrefix, parsePrefix, rangeContains, rangeOf } from '../domain/address.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import { anyInterface } from '../domain/interface.ts';
import type { PutCommand } from '../engine/decide.ts';

/** What `origin` of the rules says that block whoever failed to log in. */
const origin = 'rfw:logins';

const loopback = ['127.0.0.0/8', '::1'].map((text) => rangeOf(parsePrefix(text)));

/**
 * Blocks an address that has failed to log in too often. Never loopback, which would cut programs of this host off from each
 * other; never one that is whitelisted or that IPv6 needs, which the engine refuses.
 * @param seconds how long
 */
export async function lockOut(
  submit: (command: PutCommand) => Promise<unknown>,
  client: Address,
  seconds: number,
  log: Logger,
): Promise<void> {
  const address = formatAddress(client);
  const failed = 'Too many failed logins';
  if (loopback.some((range) => rangeContains(range, client))) {
    return log.warn({ client: address }, `${failed} on this host: slowed down, not blocked`);
  }
  try {
    const sides = { source: hostPrefix(client), destination: 'any' } as const;
    const spec = { action: 'drop', chain: 'input', in: anyInterface, out: anyInterface, ...sides } as const;
    // A rule of somebody else stays as it is: it may last longer.
    await submit({ kind: 'put', spec, expire: seconds, origin, ownOnly: true });
    log.warn({ client: address }, `${failed}: blocked for ${seconds} seconds`);
  } catch (error) {
    const code = error instanceof RfwError ? error.code : undefined;
    if (code === 'whitelist-conflict') {
      return log.warn({ client: address }, `${failed} from a protected address: slowed down, not blocked`);
    }
    if (code === 'not-owner')
      return log.warn({ client: address }, `${failed}: there is a rule that blocks the address`);
    log.error({ client: address }, `${failed}, and the address could not be blocked: ${reasonOf(error)}`);
  }
}
