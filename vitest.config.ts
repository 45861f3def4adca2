import { defineConfig } from 'vitest/config';

/** A test that takes longer hangs. It must pass on a machine that is busy with other things, so the limit is generous. */
const hangsMs = 300_000;

/** One soak stretch is one test: see scripts/soak.ts. */
const soakMs = 3_600_000;

/**
 * One project for each folder of `test`. `unit` and `replay` need no server and are part of `npm run check`; `verify` is
 * what takes too long for `npm test` and runs in `npm run verify`.
 */
export default defineConfig({
  test: {
    pool: 'forks',
    // For two cores: a third of the time a file only waits, for timers and servers. Files of all projects run beside each
    // other.
    maxWorkers: 3,
    // The files of a project share processes: loading the code again for each file doubles the CPU time of a run. So a
    // test restores what it changes in its process, and makes its own customers, workflow ids and databases.
    isolate: false,
    unstubEnvs: true,
    restoreMocks: true,
    // The Temporal SDK loads converters by `require`, which reads TypeScript only with this.
    execArgv: ['--import', 'tsx'],
    testTimeout: hangsMs,
    hookTimeout: hangsMs,
    teardownTimeout: 30_000,
    projects: [
      project('unit'),
      project('replay'),
      project('activities', { servers: true }),
      project('workflows', { servers: true }),
      project('api', { servers: true }),
      project('sandbox', { servers: true }),
      project('reliability', { servers: true, testTimeout: soakMs }),
      project('e2e', { servers: true }),
      project('verify', { servers: true, testTimeout: soakMs }),
    ],
  },
});

function project(name: string, settings: { servers?: boolean; testTimeout?: number } = {}) {
  const { servers = false, testTimeout } = settings;
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      environment: 'node',
      ...(servers ? { globalSetup: ['test/support/global-setup.ts'] } : {}),
      ...(testTimeout === undefined ? {} : { testTimeout }),
    },
  };
}
