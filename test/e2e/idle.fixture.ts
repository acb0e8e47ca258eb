import { type ChildProcess, spawn } from 'node:child_process';
import { environment, until } from './process.fixture.ts';

/** Opens connections, a hundred at a time, sends a request on each, and keeps them. */
const holder = `
const [kind, target, count] = process.argv.slice(1);
const head = 'GET /v1/health/live HTTP/1.1\\r\\nHost: localhost\\r\\nAuthorization: Basic Y2VudHJhbDpzM2NyZXQ=\\r\\n\\r\\n';
let open = 0, answered = 0, begun = 0;
const tell = () => console.log(JSON.stringify({ open, answered }));
setInterval(tell, 50).unref();
function next() {
  if (begun++ >= Number(count)) return;
  const at = { port: Number(target), host: '127.0.0.1', rejectUnauthorized: false };
  const socket = require(kind === 'tls' ? 'node:tls' : 'node:net').connect(at, () => { open++; socket.write(head); });
  socket.once('data', (bytes) => { if (String(bytes).startsWith('HTTP/1.1 200')) answered++; next(); });
  socket.on('data', () => {}).on('error', () => {}).on('close', () => { open--; });
}
for (let lane = 0; lane < 100; lane++) next();
`;

/** Clients in a namespace that have had an answer and now keep their connections. They are a process of their own. */
export class IdleClients {
  readonly #child: ChildProcess;
  #told = { open: 0, answered: 0 };

  /** @param kind how they speak to the port on the loopback interface */
  constructor(namespace: string, kind: 'plain' | 'tls', port: number, count: number) {
    // Node itself raises the limit of open files as far as it may.
    const args = ['netns', 'exec', namespace, process.execPath, '-e', holder];
    this.#child = spawn('ip', [...args, kind, String(port), String(count)], {
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child.stdout?.on('data', (text) => {
      const line = String(text).trimEnd().split('\n').at(-1);
      if (line?.endsWith('}') && line.startsWith('{')) this.#told = JSON.parse(line) as IdleClients['told'];
    });
  }

  /** How many connections stand, and how many answers came. */
  get told(): { readonly open: number; readonly answered: number } {
    return this.#told;
  }

  /** Waits until all stand. */
  async stand(count: number, seconds = 60): Promise<void> {
    await until(`${count} clients are idle`, () => this.told.open === count && this.told.answered === count, seconds);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
