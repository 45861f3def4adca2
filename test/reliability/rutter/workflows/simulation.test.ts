import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleWorkflows } from '../../../support/workflow-environment.js';
import { FixtureRunner } from '../../fixture-runner.js';
import { readSeededRuns, RunTally, runSeeded } from '../../seeded-run.js';
import { createWorkflowFixture, type WorkflowFixture } from './fixture.js';
import { workflowPlan } from './plan.js';
import { flawsMax } from '../../temporal-server.js';
import { runWorkflowPlan } from './run-plan.js';

/** In `npm test`; `npm run verify` and `npm run soak` make more. */
const runs = { fixedRuns: 3, dayRuns: 2 };
/** Server, database and sandbox are replaced after so many runs, so that nothing grows without bound. */
const runsPerFixture = 25;
/** The mean on a busy machine. */
const runMaxMs = 10_000;

let runner: FixtureRunner<WorkflowFixture>;
beforeAll(async () => {
  const bundle = await bundleWorkflows();
  runner = new FixtureRunner({ create: () => createWorkflowFixture(bundle), runsPerFixture });
});
afterAll(() => runner.close());

test('under any postings, requests and faults, no feed loses, repeats or reorders postings, and none gets stuck', async () => {
  const sets = readSeededRuns(runs);
  const tally = new RunTally();
  await runSeeded({
    depth: 'workflow',
    sets,
    tally,
    runMaxMs,
    plans: workflowPlan,
    run: (plan) => runner.run((fixture) => runWorkflowPlan(fixture, plan)),
  });
  const { flaws } = runner;
  process.stdout.write(
    `seeds ${sets.map(({ seed }) => seed).join(', ')}: ${JSON.stringify({ ...tally.sums(), flaws })}\n`,
  );
  expect(flaws).toBeLessThanOrEqual(flawsMax(tally.runs));
});
