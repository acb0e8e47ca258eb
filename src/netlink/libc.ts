import { constants } from 'node:os';
import koffi from 'koffi';
import { NetlinkError } from './errno.ts';

/** The process itself already holds the C library, whichever it is: glibc and musl alike. */
const library = koffi.load(null);

type Arguments = readonly (number | Uint8Array)[];
type Call = (...args: Arguments) => number | bigint;

/** The same call on a thread of koffi's pool, which answers by the callback. */
type AsyncCall = { async(...args: [...Arguments, (error: Error | null, result: number | bigint) => void]): void };

// ssize_t is declared as the int64_t that it is on 64-bit Linux: an unsigned reading would hide the -1.
const declarations = {
  socket: library.func('int socket(int domain, int type, int protocol)') as Call,
  bind: library.func('int bind(int fd, const void *address, uint32_t length)') as Call,
  connect: library.func('int connect(int fd, const void *address, uint32_t length)') as Call,
  getsockname: library.func('int getsockname(int fd, void *address, void *length)') as Call,
  setsockopt: library.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)') as Call,
  send: library.func('int64_t send(int fd, const void *bytes, size_t length, int flags)') as Call,
  recv: library.func('int64_t recv(int fd, void *bytes, size_t length, int flags)') as Call,
  close: library.func('int close(int fd)') as Call,
} satisfies Record<string, Call>;

/**
 * One system call through libc, repeated while a signal interrupts it.
 * Returns what the call returns, or for one that failed its errno, negative, as the kernel itself does.
 */
export function attempt(name: keyof typeof declarations, ...args: readonly (number | Uint8Array)[]): number {
  for (;;) {
    const result = Number(declarations[name](...args));
    if (result !== -1) return result;
    const errno = koffi.errno();
    // close(2) has closed the descriptor even when it says EINTR; again would close somebody else's.
    if (errno !== constants.errno.EINTR || name === 'close') return -errno;
  }
}

/**
 * One system call on another thread, so that the event loop goes on meanwhile. Buffers must not change before it ends.
 * Returns what the call returns; -1 when it failed, for which reason only the other thread knows.
 */
export function attemptAside(name: 'send', ...args: Arguments): Promise<number> {
  // koffi gives every function this second way to call it, which its types leave out.
  const aside = declarations[name] as unknown as AsyncCall;
  return new Promise((resolve, reject) => {
    aside.async(...args, (error, result) => (error === null ? resolve(Number(result)) : reject(error)));
  });
}

/** The same, where failing is an error: throws NetlinkError. */
export function call(name: keyof typeof declarations, ...args: readonly (number | Uint8Array)[]): number {
  const result = attempt(name, ...args);
  if (result < 0) throw new NetlinkError(-result, { operation: name });
  return result;
}
