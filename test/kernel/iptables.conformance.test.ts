import { conformance } from '../../src/backends/backend.conformance.ts';
import { type ListStage, listConformance } from '../../src/backends/lists.conformance.ts';
import { destroySets } from './ipset.fixture.ts';
import { clear, stageOf, variants } from './iptables.fixture.ts';

for (const variant of variants) {
  const make = async (): Promise<ListStage> => {
    clear();
    destroySets();
    return stageOf(variant);
  };
  conformance(`iptables-${variant}`, { make, runs: 12 });
  listConformance(`iptables-${variant}`, { make, runs: 8 });
}
