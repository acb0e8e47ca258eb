import { defineConfig } from 'vitest/config';

/** Kernel and end-to-end tests change network state: they run only where scripts/test.mjs has made a private namespace. */
export default defineConfig({
  test: {
    // Every processor: by default one is left idle, which on a small machine is half of it.
    maxWorkers: '100%',
    projects: [
      // Property tests take seconds where the machine has much else to do.
      { test: { name: 'unit', include: ['src/**/*.test.ts', 'test/*.test.ts'], testTimeout: 30_000 } },
      {
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          globalSetup: 'test/namespace.ts',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: 'test/namespace.ts',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
