import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** The most confirmations whose connections are remembered. */
const rememberedAtMost = 10_000;

/**
 * Over which connection a change was asked for. It is to be confirmed over another one: a connection that stands already says
 * nothing about whether new ones still come through.
 */
export class Connections {
  readonly #sockets = new Map<string, WeakRef<Socket>>();

  note(confirmation: string, { raw }: FastifyRequest): void {
    this.#sockets.set(confirmation, new WeakRef(raw.socket));
    if (this.#sockets.size <= rememberedAtMost) return;
    const [oldest] = this.#sockets.keys();
    if (oldest !== undefined) this.#sockets.delete(oldest);
  }

  /** Whether the request came over the connection of the change. */
  isSame(confirmation: string, { raw }: FastifyRequest): boolean {
    return this.#sockets.get(confirmation)?.deref() === raw.socket;
  }

  forget(confirmation: string): void {
    this.#sockets.delete(confirmation);
  }
}
