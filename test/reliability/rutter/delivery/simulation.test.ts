import { afterAll, beforeAll, test } from 'vitest';
import { createDeliverFixture, type DeliverFixture } from './fixture.js';
import { drawDeliverPlan } from './plan.js';
import { runDeliverPlan } from './run-plan.js';
import { readSeededRuns, RunTally, runSeeded } from '../../seeded-run.js';

/** In `npm test`; `npm run verify` and `npm run soak` make more. */
const runs = { fixedRuns: 30, dayRuns: 10 };

let fixture: DeliverFixture;
beforeAll(async () => {
  fixture = await createDeliverFixture();
});
afterAll(async () => {
  await fixture.close();
});

test('whatever befalls deliveries, nothing is lost, sent twice, out of order or stuck', async () => {
  const sets = readSeededRuns(runs);
  const tally = new RunTally();
  await runSeeded({
    ...{ depth: 'activity', sets, tally },
    plans: drawDeliverPlan(),
    run: (plan) => runDeliverPlan(fixture, plan),
  });
  process.stdout.write(`seeds ${sets.map(({ seed }) => seed).join(', ')}: ${JSON.stringify(tally.sums())}\n`);
});
