import type { Logger } from 'pino';
import type { Accounts } from '../api/access/authentication.ts';
import { Buckets } from '../api/access/buckets.ts';
import { Logins } from '../api/access/logins.ts';
import { StoredTokens } from '../api/access/token-store.ts';
import { Tokens } from '../api/access/tokens.ts';
import { submitAudited } from '../api/audit.ts';
import type { PutCommand } from '../engine/decide.ts';
import type { Engine } from '../engine/engine.ts';
import type { Store } from '../engine/store/store.ts';
import { lockOut } from './lockout.ts';
import type { Settings } from './settings.ts';

/** How failed logins are slowed down. Milliseconds. */
const delays = { firstDelay: 250, longestDelay: 8000 } as const;

/** What the doors share to tell who asks. @param settings those in force */
export async function makeAccounts(
  settings: () => Settings,
  store: Store,
  engine: Promise<Engine>,
  log: Logger,
): Promise<Accounts> {
  return {
    tokens: await Tokens.load(new StoredTokens(store, engine), Date.now, (message) => log.warn(message)),
    buckets: new Buckets(),
    logins: new Logins(
      () => {
        const { failures, period } = settings().config.logins;
        return { failures, period: period * 1000, ...delays };
      },
      (client) => {
        void lockOut(async (command) => submitByItself(await engine, command), client, settings().config.block, log);
      },
    ),
  };
}

/** A rule that rfw puts by itself is in the audit log like any other. */
function submitByItself(engine: Engine, command: PutCommand): Promise<unknown> {
  const whence = { at: Date.now(), principal: command.origin, address: '', door: 'engine', requestId: '' } as const;
  return submitAudited(engine, command, { ...whence, operation: 'rules.put' });
}
