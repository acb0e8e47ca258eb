import { constants } from 'node:os';
import { NetlinkError } from './errno.ts';
import { attempt, attemptAside, call } from './libc.ts';
import { hostIsLittleEndian } from './writer.ts';

/** linux/socket.h, asm-generic/socket.h, linux/netlink.h. MIPS, SPARC and PA-RISC number some otherwise; Node isn't built there. */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_NETFILTER = 12;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

/** sizeof(struct sockaddr_nl), linux/netlink.h: u16 family, u16 padding, u32 port id, u32 groups, in host order. */
const addressLength = 12;

/** Larger than any message that the kernel sends when errors don't repeat their request; at 32 KiB dumps are fastest. */
const receiveLength = 64 * 1024;

/** Bytes. Room for the refusals of some hundred messages of a batch; the kernel counts about 1.3 kB for each. */
const defaultBuffer = 1024 * 1024;

export interface SocketOptions {
  /** Bytes that may wait to be received, before the kernel doubles it for its own bookkeeping. Default 1 MiB. */
  readonly receiveBuffer?: number;
}

function host32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, hostIsLittleEndian);
  return bytes;
}

function netlinkAddress(): DataView<ArrayBuffer> {
  const address = new DataView(new ArrayBuffer(addressLength));
  address.setUint16(0, AF_NETLINK, hostIsLittleEndian);
  return address;
}

/**
 * A NETLINK_NETFILTER socket: datagrams to the kernel of this network namespace and from it, never blocking.
 * Every method throws NetlinkError with the errno of the system call that failed.
 */
export class NetlinkSocket {
  readonly descriptor: number;
  /** What the kernel calls this socket: the owner of owned tables, the author of notifications. nl_pid */
  readonly portId: number;
  #sendBuffer = 0;
  #closed = false;
  readonly #receiveBytes = new Uint8Array(receiveLength);

  private constructor(descriptor: number, portId: number) {
    this.descriptor = descriptor;
    this.portId = portId;
  }

  static open(options: SocketOptions = {}): NetlinkSocket {
    const descriptor = call('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    try {
      const address = netlinkAddress();
      const bytes = new Uint8Array(address.buffer);
      call('bind', descriptor, bytes, addressLength); // Port 0 has the kernel choose one.
      call('getsockname', descriptor, bytes, host32(addressLength));
      const socket = new NetlinkSocket(descriptor, address.getUint32(4, hostIsLittleEndian));
      // Connected to port 0, the kernel, no other process can send here: replies need no check of their sender.
      call('connect', descriptor, new Uint8Array(netlinkAddress().buffer), addressLength);
      socket.#set(SOL_NETLINK, NETLINK_EXT_ACK, 1);
      socket.#set(SOL_NETLINK, NETLINK_CAP_ACK, 1);
      socket.#setBuffer(SO_RCVBUFFORCE, SO_RCVBUF, options.receiveBuffer ?? defaultBuffer);
      socket.#growSendBuffer(defaultBuffer);
      return socket;
    } catch (error) {
      call('close', descriptor);
      throw error;
    }
  }

  #set(level: number, name: number, value: number): void {
    call('setsockopt', this.descriptor, level, name, host32(value), 4);
  }

  /** Past the limit of the system when CAP_NET_ADMIN allows, else up to it: net.core.wmem_max, rmem_max. */
  #setBuffer(forced: number, limited: number, length: number): void {
    try {
      this.#set(SOL_SOCKET, forced, length);
    } catch {
      this.#set(SOL_SOCKET, limited, length);
    }
  }

  #growSendBuffer(length: number): void {
    this.#setBuffer(SO_SNDBUFFORCE, SO_SNDBUF, length);
    this.#sendBuffer = length;
  }

  /** Subscribes to a multicast group, by number and not by bit. NFNLGRP_*, linux/netfilter/nfnetlink.h */
  join(group: number): void {
    this.#set(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
  }

  /**
   * Sends one datagram. The kernel handles it before this returns: all its answers, but for the rest of a dump, wait.
   * EMSGSIZE: the datagram is larger than the send buffer, which without CAP_NET_ADMIN can't grow past wmem_max.
   */
  send(datagram: Uint8Array): void {
    this.#mustBeOpen('send');
    if (datagram.length > this.#sendBuffer) this.#growSendBuffer(Math.max(datagram.length, 2 * this.#sendBuffer));
    call('send', this.descriptor, datagram, datagram.length, 0);
  }

  /**
   * The same on another thread: the event loop goes on while the kernel works. The datagram must not change meanwhile, and
   * nothing else may be sent.
   */
  async sendAside(datagram: Uint8Array): Promise<void> {
    this.#mustBeOpen('send');
    if (datagram.length > this.#sendBuffer) this.#growSendBuffer(Math.max(datagram.length, 2 * this.#sendBuffer));
    // What failed was not handled at all: sent again from here, it says why.
    if ((await attemptAside('send', this.descriptor, datagram, datagram.length, 0)) < 0) this.send(datagram);
  }

  /**
   * The next datagram that waits, as a copy of its own, or undefined when none does.
   * ENOBUFS: the receive buffer overran and datagrams were lost. Told once; those from before the loss still wait.
   */
  receive(): Uint8Array | undefined {
    this.#mustBeOpen('recv');
    // The end of what waits is the ordinary outcome here, and too frequent for an exception.
    const length = attempt('recv', this.descriptor, this.#receiveBytes, receiveLength, MSG_DONTWAIT | MSG_TRUNC);
    if (length === -constants.errno.EAGAIN) return undefined;
    if (length < 0) throw new NetlinkError(-length, { operation: 'recv' });
    // With MSG_TRUNC recv says how long the datagram was, not how much of it was delivered.
    if (length > receiveLength) throw NetlinkError.of('EMSGSIZE', 'recv', `a datagram of ${length} bytes`);
    return this.#receiveBytes.slice(0, length);
  }

  /** The number of a closed descriptor may already be that of another file. */
  #mustBeOpen(operation: string): void {
    if (this.#closed) throw NetlinkError.of('EBADF', operation, 'the socket is closed');
  }

  /** Gives up the socket, and with it the ownership of tables. Closing twice is fine. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    call('close', this.descriptor);
  }
}
