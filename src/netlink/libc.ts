import { constants } from 'node:os';
import koffi from 'koffi';
import { NetlinkError } from './errno.ts';

/** The process itself already holds the C library, whichever it is: glibc and musl alike. */
const library = koffi.load(null);

type Call = (...args: readonly (number | Uint8Array)[]) => number | bigint;

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

/** The same, where failing is an error: throws NetlinkError. */
export function call(name: keyof typeof declarations, ...args: readonly (number | Uint8Array)[]): number {
  const result = attempt(name, ...args);
  if (result < 0) throw new NetlinkError(-result, { operation: name });
  return result;
}
