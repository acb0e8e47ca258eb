import type { ListLimits } from '../../domain/list-entries.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Tokens } from '../access/tokens.ts';
import type { Connections } from './connections.ts';
import type { Followers } from './followers.ts';
import type { Answers } from './idempotency.ts';
import type { Status } from './schemas.ts';

/** How the daemon is: `starting` until the kernel holds the rules, `degraded` while it can't be brought to them. */
export type Condition =
  | { readonly state: 'starting' | 'ready' }
  | { readonly state: 'degraded'; readonly reason: string };

/** What stands behind the routes of /v1. */
export interface Services {
  /** Resolves when the daemon has started. @throws RfwError when it can't */
  readonly started: Promise<unknown>;
  /** Of rfw. */
  readonly version: string;
  condition(): Condition;
  /** What the routes change and read. Only once the daemon has started. */
  readonly engine: Engine;
  status(): Status;
  /** Seconds that a rule lasts which doesn't say how long; 0 is for ever. */
  defaultExpire(): number;
  /** What a list may be. */
  listLimits(): ListLimits;
  /** Answers to requests that may be sent again. */
  readonly answers: Answers;
  readonly connections: Connections;
  readonly followers: Followers;
  readonly tokens: Tokens;
  /** The metrics in the text format of Prometheus. */
  metrics(): Promise<string>;
}
