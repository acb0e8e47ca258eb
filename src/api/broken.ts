import type { Socket } from 'node:net';
import type { ConnectionError } from 'fastify';
import type { ErrorCode } from '../domain/errors.ts';
import { isV1, longestUrl } from './errors.ts';
import { problems, problemType } from './problem.ts';

/** Answers what isn't even HTTP, or too much of it, or too slow, and hangs up. */
export function answerBrokenRequest(error: ConnectionError, socket: Socket): void {
  // Where TLS has failed nothing can be sent: an answer would wait for the end of the handshake for ever.
  if (!isOfHttp(error) || !socket.writable) {
    socket.destroy();
    return;
  }
  const line = requestLine(error);
  const code = codeOf(error, line);
  hangUp(socket, code, isV1(line.split(' ')[1] ?? ''));
}

/** What the parser and the timers of HTTP say; all else comes from the connection, or from TLS. */
function isOfHttp({ code = '' }: ConnectionError): boolean {
  return code.startsWith('HPE_') || code.startsWith('ERR_HTTP_');
}

/** Milliseconds that a client has to take its last answer. */
const farewell = 1000;

/** Answers a client that no route can answer any more, and breaks the connection. @param v1 whether in the form of /v1 */
export function hangUp(socket: Socket, code: ErrorCode, v1: boolean): Socket {
  const { status } = problems[code];
  const reason = reasons[status] ?? 'Bad Request';
  const text = v1
    ? JSON.stringify({ type: problemType(code), ...problems[code], code, detail: reason })
    : `ERROR: ${reason}\r\n`;
  const type = v1 ? 'application/problem+json' : 'text/plain; charset=utf-8';
  // Whoever keeps its side open, or reads nothing, keeps nothing here.
  const timer = setTimeout(() => socket.destroy(), farewell);
  socket.once('close', () => clearTimeout(timer));
  return socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: ${type}\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
  );
}

/** The reason phrases of RFC 9110, section 15, and RFC 6585, section 5. */
const reasons: Readonly<Record<number, string>> = {
  408: 'Request Timeout',
  414: 'URI Too Long',
  431: 'Request Header Fields Too Large',
};

function codeOf(error: ConnectionError, line: string): ErrorCode {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout';
  if (error.code !== 'HPE_HEADER_OVERFLOW') return 'request-invalid';
  return line.length > longestUrl ? 'url-too-long' : 'headers-too-large';
}

/** Only the packet in which the parser stopped is known: it has the path when it begins with a method. */
function requestLine({ rawPacket }: ConnectionError): string {
  const packet: unknown = rawPacket;
  const text = Buffer.isBuffer(packet) ? packet.toString('latin1') : '';
  return /^[A-Z-]+ [^\r\n]*/.exec(text)?.[0] ?? '';
}
