import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDeliverFixture, type DeliverFixture } from './fixture.js';
import { drawDeliverPlan } from './plan.js';
import { runDeliverPlan } from './run-plan.js';
import { readSeededRuns, RunTally, runSeeded } from '../../seeded-run.js';

/** In CI; `npm run soak -- --depth activity` runs thousands. */
const runsInCi = 300;

let fixture: DeliverFixture;
beforeAll(async () => {
  fixture = await createDeliverFixture();
});
afterAll(async () => {
  await fixture.close();
});

test('whatever befalls deliveries, nothing is lost, sent twice, out of order or stuck', async () => {
  const runs = readSeededRuns({ runsInCi });
  const tally = new RunTally();
  await runSeeded({
    ...{ depth: 'activity', runs, tally },
    plans: drawDeliverPlan(),
    run: (plan) => runDeliverPlan(fixture, plan),
  });
  process.stdout.write(`seed ${String(runs.seed)}: ${JSON.stringify(tally.sums())}\n`);
  expect(tally.runs).toBe(runs.path === undefined ? runs.runs : 1);
});
