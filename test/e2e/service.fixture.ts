import { join } from 'node:path';
import { Api } from './api.fixture.ts';
import { Daemon } from './daemon.fixture.ts';
import { Network } from './network.fixture.ts';
import { Program } from './program.fixture.ts';
import { storedRules } from './store.fixture.ts';
import { Table } from './table.fixture.ts';

export interface ServiceOptions {
  /** Further lines of the configuration. */
  readonly config?: readonly string[];
  /** By default beside the configuration. */
  readonly stateDir?: string;
  readonly program?: Program;
}

/** A daemon with nftables in a namespace of its own, and the ways to ask it and to look at what it holds. */
export class Service {
  readonly program: Program;
  readonly namespace: string;
  readonly daemon: Daemon;
  readonly table: Table;
  readonly api: Api;
  readonly socketPath: string;
  readonly #network: Network;

  private constructor(network: Network, namespace: string, { config = [], stateDir, program }: ServiceOptions) {
    this.#network = network;
    this.program = program ?? new Program();
    this.namespace = namespace;
    this.socketPath = join(this.program.fresh('socket'));
    const lines = ['firewall.backend = nftables', `socket.path = ${this.socketPath}`, ...config];
    const where = stateDir === undefined ? {} : { stateDir };
    this.daemon = new Daemon({ program: this.program, namespace, config: lines, ...where });
    this.table = new Table(namespace);
    this.api = new Api(this.socketPath);
  }

  static async start(label: string, options: ServiceOptions = {}): Promise<Service> {
    const network = new Network();
    const service = new Service(network, await network.namespace(label), options);
    await service.daemon.start();
    return service;
  }

  /** The prefixes of each list as the daemon tells them, by its name. */
  async lists(): Promise<Map<string, string[]>> {
    const { items } = await this.api.must<{ items: { name: string }[] }>('GET', '/v1/lists?limit=1000');
    const lists = new Map<string, string[]>();
    for (const { name } of items) {
      const prefixes: string[] = [];
      for (let cursor: string | undefined = ''; cursor !== undefined; ) {
        const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
        const page: { items: string[]; next?: string } = await this.api.must(
          'GET',
          `/v1/lists/${name}?limit=1000${query}`,
        );
        prefixes.push(...page.items);
        cursor = page.next;
      }
      lists.set(name, prefixes);
    }
    return lists;
  }

  /** Ends everything and takes it away. */
  async close(): Promise<void> {
    await this.daemon.kill();
    await this.#network.close();
    this.program.remove();
  }

  /**
   * The addresses that are dropped on input, in the kernel and in the store. Throws when those differ. Nothing may change
   * meanwhile.
   */
  async sources(): Promise<Set<string>> {
    const kernel = new Set(await this.table.sources());
    const stored = new Set(
      [...storedRules(this.daemon.stateDir, 4), ...storedRules(this.daemon.stateDir, 6)].map(({ source }) => source),
    );
    const missing = [...stored].filter((source) => !kernel.has(source));
    const surplus = [...kernel].filter((source) => !stored.has(source));
    if (missing.length + surplus.length > 0) {
      throw new Error(
        `Not in the kernel: ${missing.length} (${missing.slice(0, 3)}); not in the store: ${surplus.length} (${surplus.slice(0, 3)})`,
      );
    }
    return kernel;
  }
}
