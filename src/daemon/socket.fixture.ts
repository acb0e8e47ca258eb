import { request } from 'node:http';
import { reach } from './socket-path.ts';

/** Status and body of an answer over a unix socket. */
export function askSocket(
  path: string,
  method: string,
  url: string,
  headers: Record<string, string> = {},
): Promise<string> {
  const reached = reach(path);
  return new Promise<string>((resolve, reject) => {
    const outgoing = request({ socketPath: reached.path, method, path: url, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('end', () => resolve(`${response.statusCode} ${text.trimEnd()}`));
    });
    outgoing.on('error', reject);
    outgoing.end();
  }).finally(() => reached.letGo());
}
