import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleWorkflows } from '../../support/workflow-environment.js';
import { Fixtures } from '../fixtures.js';
import { createSageBankingFixture, type SageBankingFixture } from './fixture.js';
import { sageBankingPlan } from './plan.js';
import { runSageBanking } from './simulation.js';
import { readSeededRuns, RunTally, runSeeded } from '../seeded-run.js';
import { flawsMax } from '../temporal-server.js';

/** In `npm test`; `npm run verify` and `npm run soak` make more. */
const runs = { fixedRuns: 6, dayRuns: 2 };
/** Server, database and sandbox are made again after so many runs, so that nothing grows without bound. */
const runsPerFixture = 20;
/** The mean on a machine with other work to do. */
const runMaxMs = 20_000;
/** A mutation must be told of before `npm run mutation` gives up. */
const shrinkingMaxMs = 60_000;

let fixtures: Fixtures<SageBankingFixture>;
beforeAll(async () => {
  const bundle = await bundleWorkflows();
  const create = () => createSageBankingFixture(bundle);
  fixtures = new Fixtures({ create, runsPerFixture, isFlaw: hasNotStarted });
});
afterAll(() => fixtures.leave());

test('whatever customers and their banks do and whatever fails, what stands here is what stands at Sage', async () => {
  const sets = readSeededRuns(runs);
  const tally = new RunTally();
  await runSeeded({
    ...{ depth: 'sage', sets, tally, runMaxMs, shrinkingMaxMs },
    plans: sageBankingPlan,
    run: (plan) => fixtures.run((fixture) => runSageBanking(fixture, plan)),
  });
  const { flaws } = fixtures;
  process.stdout.write(
    `seeds ${sets.map(({ seed }) => seed).join(', ')}: ${JSON.stringify({ ...tally.sums(), flaws })}\n`,
  );
  expect(flaws).toBeLessThanOrEqual(flawsMax(tally.runs));
});

/** Starting a server takes longer than the SDK waits for it on a machine that is busy enough. */
function hasNotStarted(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Failed to start ephemeral server');
}
