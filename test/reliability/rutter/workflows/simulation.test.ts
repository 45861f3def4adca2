import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleWorkflows } from '../../../support/workflow-environment.js';
import { Grounds } from '../../fixtures.js';
import { readSeededRuns, RunTally, runSeeded } from '../../seeded-run.js';
import { createWorldGround, type WorldGround } from './fixture.js';
import { worldPlan } from './plan.js';
import { flawsMax } from '../../temporal-server.js';
import { runWorld } from './simulation.js';

/** In CI; `npm run soak -- --depth workflow` runs the rest. */
const runsInCi = 100;
/** Server, database and sandbox are made anew after so many runs, so that nothing grows without bound. */
const runsPerGround = 25;
/** The mean on a machine with other work to do. */
const runMaxMs = 10_000;

let grounds: Grounds<WorldGround>;
beforeAll(async () => {
  const bundle = await bundleWorkflows();
  grounds = new Grounds({ create: () => createWorldGround(bundle), runsPerGround });
});
afterAll(() => grounds.leave());

test('whatever comes in, whatever people do and whatever fails, no feed loses, repeats, mixes up or stops', async () => {
  const runs = readSeededRuns({ runsInCi });
  const tally = new RunTally();
  await runSeeded({
    ...{ depth: 'workflow', runs, tally, runMaxMs, plans: worldPlan },
    run: (plan) => grounds.run((ground) => runWorld(ground, plan)),
  });
  const { flaws } = grounds;
  process.stdout.write(`seed ${String(runs.seed)}: ${JSON.stringify({ ...tally.sums(), flaws })}\n`);
  expect(flaws).toBeLessThanOrEqual(flawsMax(tally.runs));
  expect(tally.runs).toBe(runs.path === undefined ? runs.runs : 1);
});
