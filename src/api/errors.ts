import type { FastifyReply } from 'fastify';

/** The longest path with its query, in bytes. */
export const longestUrl = 8192;

/** Sends the text of an error in the form of 2014. */
export async function sendError(reply: FastifyReply, status: number, message: string): Promise<void> {
  await reply.code(status).type('text/plain; charset=utf-8').send(`ERROR: ${message}\r\n`);
}
