import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import { hostOf, lifetime } from './addresses.ts';
import { tellBench, told } from './process.ts';
import { ResponseReader } from './response.ts';
import { quantile } from './statistics.ts';

// Puts rules over raw TLS connections, one request after the other on each, every one for another address. A process of its own
// with as little work as possible, so that it isn't what is measured: its requests are bytes before it begins.

/** What the client is to do. */
export interface ClientTask {
  readonly host: string;
  readonly port: number;
  /** The file of the certificate that it trusts. */
  readonly authority: string;
  readonly authorization: string;
  readonly connections: number;
  /** Milliseconds that aren't counted. */
  readonly warmUp: number;
  /** Milliseconds that are; null counts from the first thing that it is told until the second, with which it stops. */
  readonly duration: number | null;
  /** The number of the first address. */
  readonly first: number;
  /** How many requests are made beforehand. */
  readonly prepared: number;
}

/** What came of it. */
export interface ClientResult {
  /** Answers in the seconds that are counted. */
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds from the write of a request to the last byte of its answer. */
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  /** All answers, also those that aren't counted. Each was 200 and said that a rule was created. */
  readonly created: number;
}

/** The requests one after the other in one buffer. */
class Requests {
  readonly #bytes: Buffer;
  readonly #ends: number[] = [];
  #next = 0;

  constructor({ host, port, authorization, first, prepared }: ClientTask) {
    const parts: Buffer[] = [];
    let end = 0;
    for (let index = first; index < first + prepared; index++) {
      const path = `/drop/input/any/${hostOf(index)}?expire=${lifetime / 1000}`;
      const text = `PUT ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nAuthorization: ${authorization}\r\nContent-Length: 0\r\n\r\n`;
      const bytes = Buffer.from(text, 'latin1');
      parts.push(bytes);
      end += bytes.length;
      this.#ends.push(end);
    }
    this.#bytes = Buffer.concat(parts);
  }

  take(): Buffer {
    const end = this.#ends[this.#next];
    if (end === undefined) throw new Error('The client has no more requests: prepare more');
    const start = this.#ends[this.#next - 1] ?? 0;
    this.#next++;
    return this.#bytes.subarray(start, end);
  }
}

/** Counts the answers that come between two instants, on the scale of performance.now(). */
class Count {
  from = Number.POSITIVE_INFINITY;
  to = Number.POSITIVE_INFINITY;
  readonly #latencies: number[] = [];
  #answered = 0;
  #created = 0;

  get isOver(): boolean {
    return performance.now() >= this.to;
  }

  note(sent: number, answered: number): void {
    this.#created++;
    if (answered >= this.from && answered <= this.to) this.#answered++;
    // Those that were under way at the end count too: what takes long takes them.
    if (answered >= this.from && sent <= this.to) this.#latencies.push(answered - sent);
  }

  result(): ClientResult {
    const sorted = Float64Array.from(this.#latencies).sort();
    return {
      requests: this.#answered,
      seconds: (this.to - this.from) / 1000,
      p50: quantile(sorted, 0.5),
      p99: quantile(sorted, 0.99),
      most: quantile(sorted, 1),
      created: this.#created,
    };
  }
}

function open({ host, port, authority }: ClientTask): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, ca: readFileSync(authority) }, () => resolve(socket.setNoDelay()));
    socket.once('error', reject);
  });
}

/** Sends requests over one connection, each when the one before it has been answered. */
function converse(socket: TLSSocket, requests: Requests, count: Count): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    const send = (): void => {
      sent = performance.now();
      socket.write(requests.take());
    };
    const reader = new ResponseReader((head, body) => {
      if (!head.startsWith('HTTP/1.1 200 ') || !body.startsWith('{"status":"created"')) {
        throw new Error(`The server answered ${head.slice(0, head.indexOf('\r'))}: ${body}`);
      }
      count.note(sent, performance.now());
      if (!count.isOver) return send();
      socket.destroy();
      resolve();
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.read(chunk);
      } catch (error) {
        reject(error);
      }
    });
    socket.on('close', () => reject(new Error('The server hung up')));
    send();
  });
}

async function followOrders(count: Count): Promise<void> {
  const orders = told();
  await orders.next();
  count.from = performance.now();
  await orders.next();
  count.to = performance.now();
}

async function main(task: ClientTask): Promise<void> {
  const requests = new Requests(task);
  const sockets = await Promise.all(Array.from({ length: task.connections }, () => open(task)));
  tellBench({ connected: true });
  const count = new Count();
  if (task.duration === null) void followOrders(count);
  else {
    count.from = performance.now() + task.warmUp;
    count.to = count.from + task.duration;
  }
  await Promise.all(sockets.map((socket) => converse(socket, requests, count)));
  tellBench(count.result());
  process.exit();
}

await main(JSON.parse(process.argv[2] ?? '') as ClientTask);
