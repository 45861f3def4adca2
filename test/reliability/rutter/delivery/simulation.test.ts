import { afterAll, beforeAll, test } from 'vitest';
import { createDeliveryFixture, type DeliveryFixture } from './fixture.js';
import { drawDeliveryPlan } from './plan.js';
import { runDeliveryPlan } from './run-plan.js';
import { readSeededRuns, RunTally, runSeeded } from '../../seeded-run.js';

/** In `npm test`; `npm run verify` and `npm run soak` make more. */
const runs = { fixedRuns: 20, dayRuns: 5 };

let fixture: DeliveryFixture;
beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});

test('under any faults, deliveries lose nothing, send nothing twice, keep the order and never get stuck', async () => {
  const sets = readSeededRuns(runs);
  const tally = new RunTally();
  await runSeeded({
    depth: 'activity',
    sets,
    tally,
    plans: drawDeliveryPlan(),
    run: (plan) => runDeliveryPlan(fixture, plan),
  });
  process.stdout.write(`seeds ${sets.map(({ seed }) => seed).join(', ')}: ${JSON.stringify(tally.sums())}\n`);
});
