import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** A test that takes longer hangs. It must pass on a machine that is busy with other things, so the limit is generous. */
const hangsMs = 300_000;

/** One soak stretch is one test: see scripts/soak.ts. */
const soakMs = 3_600_000;

/**
 * Projects in the order of the configuration instead of by their names: the small files at the end fill the cores until
 * all are done. Within a project vitest decides, since only files of one project that follow each other share processes.
 */
class LongestProjectsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const order = this.ctx.projects.map(({ name }) => name);
    const place = ({ project: { name } }: TestSpecification): number => order.indexOf(name);
    return (await super.sort(files)).sort((left, right) => place(left) - place(right));
  }
}

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
    // The Temporal SDK loads converters by `require`, which reads TypeScript only with this. Without tsx's hooks for
    // `import`, which slow down every package, a process starts in half a second of CPU time less.
    execArgv: ['--require', 'tsx/cjs'],
    sequence: { sequencer: LongestProjectsFirst },
    testTimeout: hangsMs,
    hookTimeout: hangsMs,
    teardownTimeout: 30_000,
    // In the order in which they run.
    projects: [
      project('reliability', { servers: true, testTimeout: soakMs }),
      project('e2e', { servers: true }),
      project('workflows', { servers: true }),
      project('activities', { servers: true }),
      project('api', { servers: true }),
      project('sandbox', { servers: true }),
      project('verify', { servers: true, testTimeout: soakMs }),
      project('replay'),
      project('unit'),
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
