import { afterAll } from 'vitest';
import { conformance } from '../../src/backends/backend.conformance.ts';
import { listConformance } from '../../src/backends/lists.conformance.ts';
import type { NftablesOptions } from '../../src/backends/nftables/nftables.ts';
import { clearTables, closeAll, stageOf } from './nftables.fixture.ts';

const variants: Readonly<Record<string, Partial<NftablesOptions>>> = {
  nftables: {},
  'nftables without counters': { counters: false },
  'nftables as before Linux 6.3': { without: { owner: true, destroys: true } },
};

for (const [name, options] of Object.entries(variants)) {
  conformance(name, {
    make: () => stageOf(options),
    runs: 25,
    shortcomings: options.without?.owner ? 1 : 0,
  });
  listConformance(name, { make: () => stageOf(options), runs: 25 });
}

afterAll(() => {
  closeAll();
  clearTables();
});
