import { type Address, type Prefix, parsePrefix, rangeContains, rangeOf } from '../../domain/address.ts';
import { RfwError, reasonOf } from '../../domain/errors.ts';
import type { AuditEntry } from '../../engine/audit.ts';
import type { Principal } from './principal.ts';
import { drawToken, formatToken, hashSecret, isSecretOf, parseToken, type TokenRecord } from './token.ts';
import { type Chosen, checkTokenRequest, type TokenRequest } from './token-request.ts';
import type { TokenStore } from './token-store.ts';

/** A token as others may see it. */
export type TokenView = Omit<TokenRecord, 'hash'>;

/** Who a token is from, or why it is none that counts. */
export type TokenVerdict =
  | { readonly principal: Principal }
  | {
      /** For whoever sent it. */
      readonly reason: string;
      /** Whether it may have been a guess: whoever sent it didn't know the secret of a token. */
      readonly guessed: boolean;
    };

/** A token that stands, and what it takes to check it. */
interface Standing {
  record: TokenRecord;
  readonly principal: Principal;
  readonly clients: readonly Prefix[];
  /** Taken back, though maybe still on disk. */
  revoked: boolean;
  /** Used after what is on disk says. */
  dirty: boolean;
}

/** Milliseconds between two writes of when tokens were used. */
const usePeriod = 60_000;

/** What is compared with where a token isn't known, so that it takes as long. */
const noHash = '0'.repeat(64);

/** The tokens that stand. They are checked in memory; the disk is for those that are made and taken back. */
export class Tokens {
  readonly #store: TokenStore;
  readonly #now: () => number;
  readonly #onFailure: (message: string) => void;
  readonly #standing = new Map<string, Standing>();
  readonly #timer: NodeJS.Timeout;
  /** The last of the writes. They go one after the other: a use that is noted must not bring back what was taken back. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(store: TokenStore, now: () => number, onFailure: (message: string) => void) {
    this.#store = store;
    this.#now = now;
    this.#onFailure = onFailure;
    this.#timer = setInterval(() => void this.#noteUse(), usePeriod);
    this.#timer.unref();
  }

  /**
   * @param now the wall clock, milliseconds since the epoch
   * @param onFailure is told when it couldn't be written when tokens were used, which harms nobody
   * @throws what the store throws
   */
  static async load(
    store: TokenStore,
    now: () => number = Date.now,
    onFailure: (message: string) => void = () => {},
  ): Promise<Tokens> {
    const records = await store.all();
    const tokens = new Tokens(store, now, onFailure);
    for (const record of records) tokens.#standing.set(record.id, standingOf(record));
    return tokens;
  }

  /** All tokens, the eldest first; also those whose time is up, until they are taken back or their name is used again. */
  list(): TokenView[] {
    return [...this.#standing.values()].map(({ record }) => viewOf(record)).sort((a, b) => a.createdAt - b.createdAt);
  }

  /** The token of an id. */
  get(id: string): TokenView | undefined {
    const standing = this.#standing.get(id);
    return standing && viewOf(standing.record);
  }

  /**
   * Makes a token. It takes the place of one of its name whose time is up.
   * @param createdBy the name of the principal that asks
   * @param auditOf what the audit log says of it
   * @returns its text, which nobody can find out again, and what is kept of it
   * @throws RfwError `token-invalid`, `token-exists`, or what the store throws
   */
  create(
    request: TokenRequest,
    createdBy: string,
    auditOf: (view: TokenView) => readonly AuditEntry[] = () => [],
  ): Promise<{ readonly token: string; readonly record: TokenView }> {
    return this.#inTurn(async () => {
      const now = this.#now();
      const { chosen, namesake } = this.#choose(request, now);
      if (namesake !== undefined) await this.#drop(namesake);
      const { id, secret } = drawToken();
      const hash = hashSecret(secret);
      const record: TokenRecord = { id, ...chosen, hash, createdAt: now, createdBy, lastUsedAt: null };
      await this.#store.put(record, auditOf(viewOf(record)));
      this.#standing.set(id, standingOf(record));
      return { token: formatToken({ id, secret }), record: viewOf(record) };
    });
  }

  /** What a token would be like. Makes none. @throws RfwError `token-invalid`, `token-exists` */
  preview(request: TokenRequest): Chosen {
    return this.#choose(request, this.#now()).chosen;
  }

  /** What somebody may have, and the token whose place it takes. */
  #choose(request: TokenRequest, now: number): { readonly chosen: Chosen; readonly namesake: Standing | undefined } {
    const chosen = checkTokenRequest(request, now);
    const namesake = [...this.#standing.values()].find(({ record }) => record.name === chosen.name);
    if (namesake === undefined || isOver(namesake.record, now)) return { chosen, namesake };
    throw new RfwError('token-exists', `There is a token ${chosen.name}: take it back first, or choose another name`);
  }

  /**
   * Takes a token back, at once. When the disk refuses it stays taken back until a restart, and is still listed: ask again.
   * @returns what it was; undefined when there is none of the id
   * @throws what the store throws
   */
  async revoke(
    id: string,
    auditOf: (view: TokenView) => readonly AuditEntry[] = () => [],
  ): Promise<TokenView | undefined> {
    const standing = this.#standing.get(id);
    if (standing === undefined) return undefined;
    standing.revoked = true;
    await this.#inTurn(() => this.#drop(standing, auditOf(viewOf(standing.record))));
    return viewOf(standing.record);
  }

  /**
   * Finds out whose token it is.
   * @param client the address it came from; undefined where there is none, as over the unix socket
   */
  authenticate(bearer: string, client: Address | undefined): TokenVerdict {
    const parts = parseToken(bearer);
    const standing = parts && this.#standing.get(parts.id);
    const known = isSecretOf(standing?.record.hash ?? noHash, parts?.secret ?? '');
    if (standing === undefined || !known || standing.revoked) {
      return { reason: 'This token is not known here, or was taken back', guessed: true };
    }
    const now = this.#now();
    if (isOver(standing.record, now)) return { reason: 'This token has expired: ask for a new one', guessed: false };
    if (!isClient(standing.clients, client)) {
      return { reason: 'This token may not be used from your address', guessed: false };
    }
    standing.record = { ...standing.record, lastUsedAt: now };
    standing.dirty = true;
    return { principal: standing.principal };
  }

  /** Writes when tokens were used last, and no more after that. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#noteUse();
  }

  async #noteUse(): Promise<void> {
    for (const standing of [...this.#standing.values()]) {
      if (standing.dirty) await this.#inTurn(() => this.#note(standing)).catch((error) => this.#fail(error));
    }
  }

  async #note(standing: Standing): Promise<void> {
    if (standing.revoked) return;
    // What is used while this is written is dirty again.
    standing.dirty = false;
    try {
      await this.#store.put(standing.record);
    } catch (error) {
      standing.dirty = true;
      throw error;
    }
  }

  #fail(error: unknown): void {
    this.#onFailure(`Could not write when a token was used: ${reasonOf(error)}`);
  }

  async #drop(standing: Standing, audit: readonly AuditEntry[] = []): Promise<void> {
    await this.#store.delete(standing.record.id, audit);
    standing.revoked = true;
    this.#standing.delete(standing.record.id);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

function standingOf(record: TokenRecord): Standing {
  const { name, scopes, limits, clients } = record;
  return {
    record,
    principal: { name: `token:${name}`, kind: 'token', scopes: new Set(scopes), limits },
    clients: clients.map(parsePrefix),
    revoked: false,
    dirty: false,
  };
}

function viewOf({ hash: _, ...view }: TokenRecord): TokenView {
  return view;
}

function isOver({ expiresAt }: TokenRecord, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

function isClient(clients: readonly Prefix[], client: Address | undefined): boolean {
  if (clients.length === 0) return true;
  return client !== undefined && clients.some((prefix) => rangeContains(rangeOf(prefix), client));
}
