import { once } from 'node:events';
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls';

/** A server and a client that meet on the loopback interface. Everything is PEM. */
export interface Meeting {
  readonly key: string;
  readonly certificate: string;
  /** What the client trusts. */
  readonly authority: string;
  /** The address to listen on and to dial. */
  readonly address: string;
  /** The name that the client means to reach, when it isn't the address. */
  readonly name?: string;
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** Lets the client greet the server over TLS; returns what the server answered, or throws why the client refused. */
export async function meet(meeting: Meeting): Promise<string> {
  const server = createServer({ key: meeting.key, cert: meeting.certificate }, (socket) => socket.end('welcome'));
  server.on('tlsClientError', () => undefined);
  server.listen(0, meeting.address);
  await once(server, 'listening');
  try {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on a port');
    return await greeting(
      connect({
        host: meeting.address,
        port: address.port,
        ca: meeting.authority,
        minVersion: 'TLSv1.2',
        maxVersion: meeting.maxVersion ?? 'TLSv1.3',
        ...nameOption(meeting.name),
      }),
    );
  } finally {
    server.close();
  }
}

function nameOption(name: string | undefined): ConnectionOptions {
  return name === undefined ? {} : { servername: name };
}

async function greeting(socket: TLSSocket): Promise<string> {
  let text = '';
  try {
    for await (const chunk of socket) text += String(chunk);
  } finally {
    socket.destroy();
  }
  return text;
}
