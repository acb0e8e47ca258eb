import { conformance } from './backend.conformance.ts';
import { listLines } from './list.fixture.ts';
import { listingOfDump } from './listing.fixture.ts';
import { type ListStage, listConformance } from './lists.conformance.ts';
import { MemoryBackend } from './memory.ts';

const make = async (): Promise<ListStage> => {
  const backend = new MemoryBackend();
  return {
    backend,
    ordered: true,
    listing: async () => listingOfDump(backend.dump()),
    lists: async () => listLines(backend.lists),
  };
};

conformance('memory', { make, runs: 200 });
listConformance('memory', { make, runs: 200 });
