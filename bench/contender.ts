import { hostOf } from './addresses.ts';
import type { ClientResult, ClientTask } from './client.ts';
import { type BenchBackend, type Context, check } from './context.ts';
import { Daemon } from './daemon.ts';
import { address, port } from './installation.ts';
import { clearFirewall, hostsIn, iptablesRules } from './kernel.ts';
import { moduleCommand, Partner } from './process.ts';
import type { Behind, ServerTask } from './server.ts';

/** Something that answers PUTs, from its start in an empty kernel to its end. */
export interface Contender {
  start(): Promise<void>;
  /** Makes sure that it did what it answered. @param rules how many it must hold */
  verify(rules: number): Promise<void>;
  stop(): Promise<void>;
}

async function checkKernel(backend: BenchBackend, rules: number): Promise<void> {
  if (backend === 'memory') return;
  const held = backend === 'nftables' ? await hostsIn('rfw') : await iptablesRules();
  check(held >= rules, `the kernel holds ${held} rules after ${rules} were created`);
}

/** The daemon itself, as it is delivered. @param stateDir the rules that it begins with */
export function daemonContender({ installation }: Context, backend: BenchBackend, stateDir?: string): Contender {
  const daemon = new Daemon(installation, backend, stateDir);
  return {
    start: async () => void (await daemon.start()),
    verify: async (rules) => {
      const said = await daemon.rules();
      check(said === rules, `the daemon has ${said} rules, not ${rules}`);
      await checkKernel(backend, rules);
    },
    stop: async () => {
      await daemon.stop();
      await clearFirewall();
    },
  };
}

/** The daemon's server with something else behind it. */
export function serverContender({ installation }: Context, behind: Behind): Contender {
  let server: Partner | undefined;
  return {
    start: async () => {
      const config = installation.configure(installation.fresh('state'), []);
      server = new Partner(moduleCommand('server', { config, behind } satisfies ServerTask));
      await server.next();
    },
    verify: async (rules) => (behind.kind === 'engine' ? checkKernel(behind.backend, rules) : undefined),
    stop: async () => {
      await server?.end();
      await clearFirewall();
    },
  };
}

/** Who puts, and for how long. */
export interface Load {
  readonly connections: number;
  /** The number of the first address. */
  readonly first: number;
  /** Seconds that are counted; null lasts until the client is told to stop. */
  readonly seconds: number | null;
}

/** Seconds before the counted ones, in which the server's code is compiled. */
const warmUp = 2;

/** More requests a second than any server here answers, and more than one connection can carry. */
const fastest = { many: 30_000, one: 10_000 };

/** The same while the server has other work, for at most so many seconds. */
const besideWork = { rate: 3000, seconds: 300 };

/** A client that puts rules as fast as it is answered. It tells when it is connected, and at the end its ClientResult. */
export function client({ installation, seconds }: Context, load: Load): Partner {
  const warm = Math.min(warmUp, seconds);
  return new Partner(
    moduleCommand('client', {
      ...{ host: address, port, authority: installation.authorityFile, authorization: installation.authorization },
      connections: load.connections,
      warmUp: warm * 1000,
      duration: load.seconds === null ? null : load.seconds * 1000,
      first: load.first,
      prepared:
        load.seconds === null
          ? besideWork.seconds * besideWork.rate
          : (load.seconds + warm) * (load.connections > 1 ? fastest.many : fastest.one),
    } satisfies ClientTask),
  );
}

/** One measurement: start, put, look whether it was true, stop. @param standing rules that it begins with */
export async function measurePuts(
  context: Context,
  contender: Contender,
  load: Load,
  standing = 0,
): Promise<ClientResult> {
  await contender.start();
  try {
    const putting = client(context, load);
    await putting.next();
    const result = await putting.next<ClientResult>();
    await putting.end();
    check(result.requests > 0, `nothing was answered beginning with ${hostOf(load.first)}`);
    await contender.verify(standing + result.created);
    return result;
  } finally {
    await contender.stop();
  }
}
