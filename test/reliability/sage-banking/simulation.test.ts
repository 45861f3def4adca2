import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleWorkflows } from '../../support/workflow-environment.js';
import { Grounds } from '../fixtures.js';
import { createSageRoadGround, type SageRoadGround } from './fixture.js';
import { sageRoadPlan } from './plan.js';
import { runSageRoad } from './simulation.js';
import { readSeededRuns, RunTally, runSeeded } from '../seeded-run.js';
import { flawsMax } from '../temporal-server.js';

/** In CI; `npm run soak -- --depth sage` runs the rest. */
const runsInCi = 20;
/** Server, database and sandbox are made anew after so many runs, so that nothing grows without bound. */
const runsPerGround = 20;
/** The mean on a machine with other work to do. */
const runMaxMs = 20_000;
/** A planted bug must be told of before `npm run mutants` gives up. */
const shrinkingMaxMs = 60_000;

let grounds: Grounds<SageRoadGround>;
beforeAll(async () => {
  const bundle = await bundleWorkflows();
  const create = () => createSageRoadGround(bundle);
  grounds = new Grounds({ create, runsPerGround, isFlaw: hasNotStarted });
});
afterAll(() => grounds.leave());

test('whatever customers and their banks do and whatever fails, what stands here is what stands at Sage', async () => {
  const runs = readSeededRuns({ runsInCi });
  const tally = new RunTally();
  await runSeeded({
    ...{ depth: 'sage', runs, tally, runMaxMs, shrinkingMaxMs },
    plans: sageRoadPlan,
    run: (plan) => grounds.run((ground) => runSageRoad(ground, plan)),
  });
  const { flaws } = grounds;
  process.stdout.write(`seed ${String(runs.seed)}: ${JSON.stringify({ ...tally.sums(), flaws })}\n`);
  expect(flaws).toBeLessThanOrEqual(flawsMax(tally.runs));
  expect(tally.runs).toBe(runs.path === undefined ? runs.runs : 1);
});

/** Starting a server takes longer than the SDK waits for it on a machine that is busy enough. */
function hasNotStarted(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Failed to start ephemeral server');
}
