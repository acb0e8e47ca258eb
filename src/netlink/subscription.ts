import koffi from 'koffi';
import { NetlinkError } from './errno.ts';
import type { Reply } from './message.ts';
import { readMessages } from './message.ts';
import { NetlinkSocket } from './socket.ts';

/** Bytes. A transaction is announced in one burst, a notification for every element: room for some ten thousand. */
const receiveBuffer = 8 * 1024 * 1024;

/** Datagrams handled before other work of the event loop has its turn. */
const datagramsInOneTurn = 64;

/** Who is told. The functions may throw: that is an uncaught exception, as from any event handler. */
export interface Listener {
  /** What changed, in the order of the change. `portId` of each names the connection that made it. */
  changed(notifications: readonly Reply[]): void;
  /** Notifications were lost, because they came faster than they were read: only reading the ruleset says what holds. */
  lost(): void;
  /** The subscription is over, by an error of the socket or bytes that can't be decoded. */
  failed(error: unknown): void;
}

/**
 * Hears of every change that anyone makes in this network namespace, until closed. Doesn't keep the process alive.
 *
 * The event loop watches the socket itself (epoll, through libuv): no thread waits in recv, which would take one of the
 * four of libuv's pool for good, and no timer polls. Node's own net, tty and dgram refuse a netlink descriptor.
 */
export class Subscription {
  readonly #socket: NetlinkSocket;
  readonly #listener: Listener;
  readonly #poll: ReturnType<typeof koffi.node.poll>;
  #closed = false;

  /** Joins the group. NFNLGRP_*, linux/netfilter/nfnetlink.h. Throws NetlinkError. */
  constructor(group: number, listener: Listener) {
    this.#listener = listener;
    this.#socket = NetlinkSocket.open({ receiveBuffer });
    try {
      this.#socket.join(group);
      // Out of the native callback first: what a listener throws or resolves there would go astray.
      this.#poll = koffi.node.poll(this.#socket.descriptor, () => setImmediate(() => this.#drain()));
      this.#poll.unref();
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  /** Ends the subscription at once: no function of the listener is called any more. Closing twice is fine. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.close();
    this.#socket.close();
  }

  /** Hands on what waits. The poll tells of a rest in the next turn, since it reports a state and not an edge. */
  #drain(): void {
    const notifications: Reply[] = [];
    let lost = false;
    let failure: { readonly error: unknown } | undefined;
    for (let count = 0; count < datagramsInOneTurn && !this.#closed; count++) {
      try {
        const datagram = this.#socket.receive();
        if (datagram === undefined) break;
        for (const notification of readMessages(datagram)) notifications.push(notification);
      } catch (error) {
        if (error instanceof NetlinkError && error.code === 'ENOBUFS') {
          lost = true;
          continue;
        }
        failure = { error };
        break;
      }
    }
    if (failure !== undefined) this.close();
    if (notifications.length > 0) this.#listener.changed(notifications);
    if (lost && (failure !== undefined || !this.#closed)) this.#listener.lost();
    if (failure !== undefined) this.#listener.failed(failure.error);
  }
}
