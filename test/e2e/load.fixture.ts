import { Connection, type Relay } from './client.fixture.ts';
import { type Outcome, outcomeOf } from './curl.fixture.ts';

/** Counts up with everything that a client does or sees, so that it can be said what was before what. */
export class Sequence {
  #last = 0;

  next(): number {
    return ++this.#last;
  }
}

/** What a client knows of a drop rule on input. */
export interface Known {
  readonly source: string;
  present: boolean;
  /** Milliseconds since the epoch; null is never; undefined when no answer said it. */
  expiresAt: number | null | undefined;
  /** When the PUT that created it was sent and answered. */
  requestedAt: number;
  acknowledgedAt: number;
  /** What was asked last and never answered. */
  pending: 'put' | 'delete' | undefined;
}

/**
 * A client that changes rules over addresses of its own, one request after the other, and remembers what it was told.
 * Half of the addresses are IPv4 and half IPv6. Rules that expire are never asked for twice.
 */
export class LoadClient {
  readonly known = new Map<string, Known>();
  /** Answers other than 200. */
  readonly refusals: string[] = [];
  acknowledged = 0;
  readonly #number: number;
  readonly #sequence: Sequence;
  #temporary = 0;

  constructor(number: number, sequence: Sequence) {
    this.#number = number;
    this.#sequence = sequence;
  }

  /** Sends requests until the connection breaks or it is told to stop. */
  async run(relay: Relay, stopped: () => boolean): Promise<void> {
    const connection = new Connection(relay);
    try {
      while (!stopped()) await this.#step(connection);
    } catch {
      // The daemon was killed: what was asked last stays pending.
    } finally {
      connection.close();
    }
  }

  async #step(connection: Connection): Promise<void> {
    const dice = Math.random();
    const permanent = this.#source(2 + Math.floor(Math.random() * 14));
    if (dice < 0.45) return this.#ask(connection, 'put', permanent, '');
    if (dice < 0.75) return this.#ask(connection, 'delete', permanent, '');
    const expire = [1, 2, 3600][Math.floor(Math.random() * 3)];
    return this.#ask(connection, 'put', this.#source(1000 + this.#temporary++), `?expire=${expire}`);
  }

  /** Clients have third bytes, or groups, of their own. */
  #source(host: number): string {
    const low = host >> 1;
    return host % 2 === 0
      ? `198.${18 + (this.#number >> 6)}.${((this.#number & 63) << 2) + (low >> 8)}.${low & 255}/32`
      : `2001:db8:${(this.#number + 1).toString(16)}::${low.toString(16)}/128`;
  }

  async #ask(connection: Connection, kind: 'put' | 'delete', source: string, query: string): Promise<void> {
    const known = this.known.get(source) ?? absent(source);
    this.known.set(source, known);
    const requestedAt = this.#sequence.next();
    known.pending = kind;
    if (!known.present && kind === 'put') {
      const expiresAt = query === '' ? null : undefined;
      Object.assign(known, { requestedAt, expiresAt, acknowledgedAt: Number.POSITIVE_INFINITY });
    }
    const path = `/drop/input/any/${source.replace(/\/(32|128)$/, '')}${query}`;
    const answer = await connection.request(kind === 'put' ? 'PUT' : 'DELETE', path);
    known.pending = undefined;
    if (answer.code !== 200) {
      this.refusals.push(`${kind} ${path}: ${answer.code} ${answer.body}`);
      return;
    }
    this.acknowledged++;
    this.#learn(known, outcomeOf(answer));
  }

  #learn(known: Known, { status, rule }: Outcome): void {
    const wasPresent = known.present;
    known.present = status !== 'deleted' && status !== 'absent';
    const expected = wasPresent ? ['exists', 'deleted'] : ['created', 'absent'];
    if (!expected.includes(status))
      this.refusals.push(`${known.source} was ${wasPresent ? 'there' : 'not there'}: ${status}`);
    known.expiresAt = rule.expiresAt === undefined || rule.expiresAt === null ? null : Date.parse(rule.expiresAt);
    if (status === 'created') known.acknowledgedAt = this.#sequence.next();
  }
}

function absent(source: string): Known {
  return { source, present: false, expiresAt: null, requestedAt: 0, acknowledgedAt: 0, pending: undefined };
}
