import { conformance } from '../../src/backends/backend.conformance.ts';
import { clear, stageOf, variants } from './iptables.fixture.ts';

for (const variant of variants) {
  conformance(`iptables-${variant}`, {
    make: async () => {
      clear();
      return stageOf(variant);
    },
    runs: 12,
  });
}
