import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleWorkflows } from '../../../support/workflow-environment.js';
import { Fixtures } from '../../fixtures.js';
import { readSeededRuns, RunTally, runSeeded } from '../../seeded-run.js';
import { createSimulationFixture, type SimulationFixture } from './fixture.js';
import { simulationPlan } from './plan.js';
import { flawsMax } from '../../temporal-server.js';
import { runSimulation } from './simulation.js';

/** In `npm test`; `npm run verify` and `npm run soak` make more. */
const runs = { fixedRuns: 10, dayRuns: 5 };
/** Server, database and sandbox are made again after so many runs, so that nothing grows without bound. */
const runsPerFixture = 25;
/** The mean on a machine with other work to do. */
const runMaxMs = 10_000;

let fixtures: Fixtures<SimulationFixture>;
beforeAll(async () => {
  const bundle = await bundleWorkflows();
  fixtures = new Fixtures({ create: () => createSimulationFixture(bundle), runsPerFixture });
});
afterAll(() => fixtures.leave());

test('whatever comes in, whatever people do and whatever fails, no feed loses, repeats, mixes up or stops', async () => {
  const sets = readSeededRuns(runs);
  const tally = new RunTally();
  await runSeeded({
    ...{ depth: 'workflow', sets, tally, runMaxMs, plans: simulationPlan },
    run: (plan) => fixtures.run((fixture) => runSimulation(fixture, plan)),
  });
  const { flaws } = fixtures;
  process.stdout.write(
    `seeds ${sets.map(({ seed }) => seed).join(', ')}: ${JSON.stringify({ ...tally.sums(), flaws })}\n`,
  );
  expect(flaws).toBeLessThanOrEqual(flawsMax(tally.runs));
});
