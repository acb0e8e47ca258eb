import { conformance } from './backend.conformance.ts';
import { listingOfDump } from './listing.fixture.ts';
import { MemoryBackend } from './memory.ts';

conformance('memory', {
  make: async () => {
    const backend = new MemoryBackend();
    return { backend, ordered: true, listing: async () => listingOfDump(backend.dump()) };
  },
  runs: 200,
});
