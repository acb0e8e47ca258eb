import { MemoryStore } from './memory.ts';
import { recordsConformance } from './records.conformance.ts';
import { storeConformance } from './store.conformance.ts';

// It keeps its promises for as long as the object lives, so the next daemon opens the same object.
const makeDisk = async () => {
  const store = new MemoryStore();
  return { open: async () => store, dispose: () => store.close() };
};
storeConformance('MemoryStore', makeDisk);
recordsConformance('MemoryStore', makeDisk);
