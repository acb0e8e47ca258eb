import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { hostOf, lifetime } from './addresses.ts';
import { tellBench, told } from './process.ts';
import { ResponseReader } from './response.ts';

// Uploads rules as NDJSON over one TLS connection: a process of its own, whose lines are bytes before it begins.

export interface UploaderTask {
  readonly host: string;
  readonly port: number;
  readonly authority: string;
  readonly authorization: string;
  /** How many rules. */
  readonly rules: number;
}

/** What came of it. */
export interface Uploaded {
  /** From the first byte of the request to the last one of the answer. */
  readonly milliseconds: number;
  /** What the server says. */
  readonly created: number;
}

/** Bytes that are handed to the socket at once. */
const pieceLength = 1024 * 1024;

function lines(count: number): Buffer {
  const parts: Buffer[] = [];
  for (let from = 0; from < count; from += 10_000) {
    let text = '';
    for (let index = from; index < Math.min(count, from + 10_000); index++) {
      text += `{"action":"drop","chain":"input","source":"${hostOf(index)}","ttl":${lifetime / 1000}}\n`;
    }
    parts.push(Buffer.from(text, 'latin1'));
  }
  return Buffer.concat(parts);
}

async function main({ host, port, authority, authorization, rules }: UploaderTask): Promise<void> {
  const body = lines(rules);
  const head = [
    'POST /v1/rules/batch HTTP/1.1',
    `Host: ${host}:${port}`,
    `Authorization: ${authorization}`,
    'Content-Type: application/x-ndjson',
    `Content-Length: ${body.length}`,
  ].join('\r\n');
  const socket = connect({ host, port, ca: readFileSync(authority) });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  tellBench({ connected: true });
  await told().next();
  const answered = new Promise<string>((resolve, reject) => {
    const reader = new ResponseReader((status, text) => {
      if (status.startsWith('HTTP/1.1 200 ')) resolve(text);
      else reject(new Error(`The server answered ${text}`));
    });
    socket.on('data', (chunk: Buffer) => reader.read(chunk));
    socket.on('close', () => reject(new Error('The server hung up')));
  });
  const began = performance.now();
  socket.write(`${head}\r\n\r\n`);
  for (let at = 0; at < body.length; at += pieceLength) {
    if (!socket.write(body.subarray(at, at + pieceLength))) {
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), answered]);
    }
  }
  const { created } = JSON.parse(await answered) as { readonly created: number };
  tellBench({ milliseconds: performance.now() - began, created } satisfies Uploaded);
  process.exit();
}

await main(JSON.parse(process.argv[2] ?? '') as UploaderTask);
