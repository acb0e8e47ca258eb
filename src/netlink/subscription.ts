import koffi from 'koffi';
import { NetlinkError } from './errno.ts';
import type { Reply } from './message.ts';
import { readMessages } from './message.ts';
import { NetlinkSocket } from './socket.ts';

/** Bytes. A transaction is announced in one burst, a notification for every element: room for some ten thousand. */
const receiveBuffer = 8 * 1024 * 1024;

/** Datagrams handled before other work of the event loop has its turn. */
const datagramsInOneTurn = 64;

/**
 * A poll that is still there when Node takes its event loop down, with something to tell, calls into an engine that runs
 * no more JavaScript, and the process aborts. So none outlives the last event of the process.
 */
const open = new Set<Subscription>();
process.on('exit', () => {
  for (const subscription of open) subscription.close();
});

/** Who is told. The functions may throw: that is an uncaught exception, as from any event handler. */
export interface Listener {
  /** What changed, in the order of the change. `portId` of each names the connection that made it. */
  changed(notifications: readonly Reply[]): void;
  /**
   * Notifications were lost, because they came faster than they were read: only reading the ruleset says what holds.
   * Every change from now on is told of again.
   */
  lost(): void;
  /** The subscription is over, by an error of the socket or bytes that can't be decoded. */
  failed(error: unknown): void;
}

/**
 * Hears of every change that anyone makes in this network namespace, until closed. Doesn't keep the process alive.
 *
 * The event loop watches the socket itself (epoll, through libuv): no thread waits in recv, which would take one of the
 * four of libuv's pool for good, and no timer polls. Node's own net, tty and dgram refuse a netlink descriptor.
 *
 * While anybody subscribes, the kernel announces every single element: loading a million takes it two to three times as
 * long, and overruns any buffer. Close the subscription for a bulk load of one's own, and read the ruleset after.
 */
export class Subscription {
  readonly #socket: NetlinkSocket;
  readonly #listener: Listener;
  readonly #poll: ReturnType<typeof koffi.node.poll>;
  #closed = false;
  #lost = false;

  /** Joins the group. NFNLGRP_*, linux/netfilter/nfnetlink.h. Throws NetlinkError. */
  constructor(group: number, listener: Listener) {
    this.#listener = listener;
    this.#socket = NetlinkSocket.open({ receiveBuffer });
    try {
      this.#socket.join(group);
      this.#poll = koffi.node.poll(this.#socket.descriptor, () => this.#wake());
      this.#poll.unref();
      open.add(this);
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  /** Ends the subscription at once: no function of the listener is called any more. Closing twice is fine. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    open.delete(this);
    this.#poll.close();
    this.#socket.close();
  }

  /** Hands on all that waits before this returns: what happened until now is told then. */
  readNow(): void {
    let more = !this.#closed;
    while (more) more = this.#readSome() && !this.#closed;
  }

  /**
   * Something waits. The poll rests until all of it is read, and then begins anew: libuv gives up a descriptor that
   * reports an error, which an overrun is. Out of the native callback first, where what a listener throws would go astray.
   */
  #wake(): void {
    this.#poll.stop();
    setImmediate(() => this.#drain());
  }

  /**
   * Hands on what waits, some of it in each turn of the event loop.
   *
   * From an overrun until the queue is empty the kernel drops whatever else happens, and says so only once. So a loss is
   * told when the queue is empty, and what is still in it, older than the loss, isn't worth reading: whoever reads the
   * ruleset when told of the loss has missed nothing.
   */
  #drain(): void {
    if (this.#closed) return;
    let more = true;
    try {
      more = this.#readSome();
    } finally {
      if (!this.#closed && more) setImmediate(() => this.#drain());
      else if (!this.#closed) this.#poll.start({ readable: true }, () => this.#wake());
    }
  }

  /** Hands on some of what waits. @returns whether there may be more */
  #readSome(): boolean {
    const notifications: Reply[] = [];
    let emptied = false;
    try {
      for (let count = 0; count < datagramsInOneTurn && !emptied; count++) {
        const datagram = this.#receive();
        if (datagram === undefined) emptied = true;
        else if (!this.#lost) for (const notification of readMessages(datagram)) notifications.push(notification);
      }
    } catch (error) {
      this.close();
      this.#listener.failed(error);
      return false;
    }
    const lost = this.#lost && emptied;
    if (lost) this.#lost = false;
    if (notifications.length > 0) this.#listener.changed(notifications);
    if (lost && !this.#closed) this.#listener.lost();
    return !emptied;
  }

  /** The next datagram; an empty one, and a mark, in the place of those that were lost. */
  #receive(): Uint8Array | undefined {
    try {
      return this.#socket.receive();
    } catch (error) {
      if (!(error instanceof NetlinkError && error.code === 'ENOBUFS')) throw error;
      this.#lost = true;
      return new Uint8Array();
    }
  }
}
