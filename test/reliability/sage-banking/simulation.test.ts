import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleWorkflows } from '../../support/workflow-environment.js';
import { FixtureRunner } from '../fixture-runner.js';
import { createSageBankingFixture, type SageBankingFixture } from './fixture.js';
import { sageBankingPlan } from './plan.js';
import { runSageBankingPlan } from './run-plan.js';
import { readSeededRuns, RunTally, runSeeded } from '../seeded-run.js';
import { flawsMax } from '../temporal-server.js';

/** In `npm test`; `npm run verify` and `npm run soak` make more. */
const runs = { fixedRuns: 2, dayRuns: 1 };
/** Server, database and sandbox are replaced after so many runs, so that nothing grows without bound. */
const runsPerFixture = 20;
/** The mean on a busy machine. */
const runMaxMs = 20_000;
/** A mutation must be reported before the time limit of `npm run mutation`. */
const shrinkingMaxMs = 60_000;

let runner: FixtureRunner<SageBankingFixture>;
beforeAll(async () => {
  const bundle = await bundleWorkflows();
  const create = () => createSageBankingFixture(bundle);
  runner = new FixtureRunner({ create, runsPerFixture, isFlaw: failedToStart });
});
afterAll(() => runner.close());

test('under any faults and actions of customers, our accounts, transactions and rules match those at Sage', async () => {
  const sets = readSeededRuns(runs);
  const tally = new RunTally();
  await runSeeded({
    depth: 'sage',
    sets,
    tally,
    runMaxMs,
    shrinkingMaxMs,
    plans: sageBankingPlan,
    run: (plan) => runner.run((fixture) => runSageBankingPlan(fixture, plan)),
  });
  const { flaws } = runner;
  process.stdout.write(
    `seeds ${sets.map(({ seed }) => seed).join(', ')}: ${JSON.stringify({ ...tally.sums(), flaws })}\n`,
  );
  expect(flaws).toBeLessThanOrEqual(flawsMax(tally.runs));
});

/** On a very busy machine a server may start more slowly than the SDK waits for it. */
function failedToStart(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Failed to start ephemeral server');
}
