import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDeliverGround, type DeliverGround } from './fixture.js';
import { drawDeliverPlan } from './plan.js';
import { runDeliverPlan } from './run-plan.js';
import { readSeededRuns, RunTally, runSeeded } from '../../seeded-run.js';

/** In CI; `npm run soak -- --depth activity` runs thousands. */
const runsInCi = 300;

let ground: DeliverGround;
beforeAll(async () => {
  ground = await createDeliverGround();
});
afterAll(async () => {
  await ground.close();
});

test('whatever befalls deliveries, nothing is lost, sent twice, out of order or stuck', async () => {
  const runs = readSeededRuns({ runsInCi });
  const tally = new RunTally();
  await runSeeded({
    ...{ depth: 'activity', runs, tally },
    plans: drawDeliverPlan(),
    run: (plan) => runDeliverPlan(ground, plan),
  });
  process.stdout.write(`seed ${String(runs.seed)}: ${JSON.stringify(tally.sums())}\n`);
  expect(tally.runs).toBe(runs.path === undefined ? runs.runs : 1);
});
