import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** Characters of what has come that are kept. */
const enough = 10_000;

/** A connection on which a test sends what bytes it likes. */
export class Peer {
  /** The beginning of what has come over it. */
  received = '';
  /** Milliseconds from the beginning until the other side hung up; undefined as long as it hasn't. */
  ended: number | undefined;
  readonly #socket: Socket;
  readonly #began = performance.now();

  private constructor(socket: Socket, onText: (piece: string) => void = () => {}) {
    this.#socket = socket;
    const over = (): void => {
      this.ended ??= performance.now() - this.#began;
    };
    socket
      .on('data', (bytes) => {
        onText(bytes.toString('latin1'));
        if (this.received.length < enough) this.received += bytes.toString('latin1');
      })
      .on('error', over)
      .on('end', over)
      .on('close', over);
  }

  /** @param path of a unix socket @param onText told of each piece that comes */
  static plain(path: string, onText?: (piece: string) => void): Peer {
    return new Peer(connect({ path }), onText);
  }

  /** With TLS, whatever the certificate. @param path of a socket that leads to an HTTPS server */
  static secure(path: string): Peer {
    return new Peer(connectTls({ socket: connect({ path }), rejectUnauthorized: false }));
  }

  get isOpen(): boolean {
    return this.ended === undefined;
  }

  send(text: string): void {
    if (this.isOpen) this.#socket.write(text);
  }

  /** Sends a piece now and then, as long as anybody listens. @param milliseconds between two */
  drip(piece: string, milliseconds: number): void {
    const timer = setInterval(() => this.send(piece), milliseconds);
    this.#socket.once('close', () => clearInterval(timer));
  }

  /** Reads nothing any more. */
  pause(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }
}
