import type { Backend } from '../../../src/backends/backend.ts';
import { NftablesBackend, type NftablesOptions } from '../../../src/backends/nftables/nftables.ts';
import { must } from '../../e2e/process.fixture.ts';
import { execute, probed, program } from '../iptables.fixture.ts';
import { nft } from '../netlink.fixture.ts';
import { IptablesRuleset } from './iptables-ruleset.fixture.ts';
import { NftRuleset } from './nft-ruleset.fixture.ts';
import type { Contender } from './trial.fixture.ts';

let started: Promise<Backend> | undefined;

function start(): Promise<Backend> {
  started ??= probed('nft');
  return started;
}

/** The literal list. Its backend remembers nothing from one replacement to the next, so that one is enough. */
export const iptables: Contender = {
  name: 'iptables',
  enter() {
    this.clear();
    return start();
  },
  start,
  rest: async () => {},
  list: async () => {
    const saves = ([4, 6] as const).map((family) => must(program('nft', family, 'save'), '-t', 'filter'));
    const [four = '', six = ''] = await Promise.all(saves);
    const ruleset = new IptablesRuleset(four, six);
    return () => (packet) => ruleset.verdict(packet);
  },
  clear: () =>
    nft(['ip', 'ip6'].map((family) => `add table ${family} filter\ndelete table ${family} filter`).join('\n')),
};

/** Sets in strata. */
export function nftables(options: NftablesOptions): Contender {
  /** It owns the table as long as it isn't closed. */
  let resting: Backend | undefined;
  const start = async (): Promise<Backend> => {
    const backend = new NftablesBackend(options);
    await backend.probe();
    return backend;
  };
  return {
    name: 'nftables',
    async enter() {
      const backend = resting;
      resting = undefined;
      if (backend !== undefined) return backend;
      this.clear();
      return start();
    },
    start,
    rest: async (backend) => {
      await backend.replace({ rules: [], guard: null, whitelist: [], lists: [], stale: { rules: [], guards: [] } });
      resting = backend;
    },
    list: async () => {
      const listing = await must('nft', '-j', 'list', 'ruleset');
      return (after) => {
        const ruleset = new NftRuleset(listing, after);
        return (packet) => ruleset.verdict(packet);
      };
    },
    // A rule that looks at two addresses is in no set, and only elements have a timeout.
    lapses: ({ source, destination }) => source === 'any' || destination === 'any',
    clear: () => {
      resting?.close();
      resting = undefined;
      if (execute('nft', ['list', 'tables']).includes('table inet rfw')) nft('delete table inet rfw');
    },
  };
}
