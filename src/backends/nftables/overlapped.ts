import type { Message } from '../../netlink/message.ts';

/**
 * Sends all chunks but the last, which is returned: the kernel works on one while the next is made. When anything fails nothing
 * is under way any more: the connection takes one thing at a time.
 */
export async function overlapped(
  chunks: Iterable<readonly Message[]>,
  send: (messages: readonly Message[]) => Promise<void>,
): Promise<readonly Message[]> {
  let sending: Promise<void> = Promise.resolve();
  let last: readonly Message[] = [];
  try {
    for (const chunk of chunks) {
      await sending;
      sending = last.length === 0 ? Promise.resolve() : send(last);
      // A failure is met by the next await; until then nobody else waits for it.
      sending.catch(() => {});
      last = chunk;
    }
  } finally {
    await sending;
  }
  return last;
}
