import { defineConfig } from 'vitest/config';

/** What takes longer than this hangs: starting a browser or a worker on a busy machine is counted in. */
const SLOW_TEST_MS = 120_000;
const SLOW_HOOK_MS = 120_000;

/** A stretch of a soak is one test: see scripts/soak.ts. */
const SOAK_MS = 3_600_000;

const globalSetup = ['test/support/global-setup.ts'];

export default defineConfig({
  test: {
    // Two cores are what we promise to need; the servers beside the tests want theirs too.
    maxWorkers: 2,
    pool: 'forks',
    // The Temporal SDK loads converters by `require`, which reads TypeScript only with this.
    execArgv: ['--import', 'tsx'],
    teardownTimeout: 30_000,
    projects: [
      project('unit', { testTimeout: 20_000 }),
      project('replay', { testTimeout: 60_000, hookTimeout: 60_000 }),
      project('activities', { globalSetup, testTimeout: 60_000, hookTimeout: 60_000 }),
      // Time is global to a time-skipping server: one file after the other.
      project('workflows', { ...serial(), globalSetup }),
      project('api', { globalSetup, testTimeout: 60_000, hookTimeout: 60_000 }),
      project('sandbox', { globalSetup, testTimeout: 60_000, hookTimeout: 60_000 }),
      // The seeded simulations; a soak runs them for longer, at its own pace.
      project('reliability', { ...serial(), globalSetup, testTimeout: SOAK_MS, hookTimeout: SLOW_HOOK_MS }),
      project('e2e', { ...serial(), globalSetup, testTimeout: 300_000, hookTimeout: 300_000 }),
    ],
  },
});

interface ProjectSettings {
  globalSetup?: string[];
  testTimeout?: number;
  hookTimeout?: number;
  fileParallelism?: boolean;
}

function serial(): ProjectSettings {
  return { fileParallelism: false, testTimeout: SLOW_TEST_MS, hookTimeout: SLOW_HOOK_MS };
}

/** One project a folder of test/. */
function project(name: string, settings: ProjectSettings) {
  return {
    extends: true as const,
    test: { name, include: [`test/${name}/**/*.test.ts`], environment: 'node', ...settings },
  };
}
