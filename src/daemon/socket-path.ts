import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Bytes. sun_path of linux/un.h has 108, the terminating zero included. */
const longestPath = 107;

/** A path by which bind(2) and connect(2) reach a socket, until it is let go. */
export interface SocketPath {
  readonly path: string;
  letGo(): void;
}

/** A path that is too long is reached through a descriptor of its folder. proc(5) */
export function reach(path: string): SocketPath {
  if (Buffer.byteLength(path) <= longestPath) return { path, letGo: () => {} };
  const descriptor = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${descriptor}/${basename(path)}`, letGo: () => closeSync(descriptor) };
}
