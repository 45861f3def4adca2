import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { bundleWorkflows } from '../support/workflow-environment.js';
import { readSeededRuns, RunTally, runSeeded } from './seeded-run.js';
import { createWorldGround, type WorldGround } from './workflow-world-ground.js';
import { worldPlan, type WorldPlan } from './workflow-world-plan.js';
import { flawsMax, ServerFlaw } from './workflow-world-server.js';
import { runWorld, type WorldRun } from './workflow-world.js';

/** In CI; `npm run soak -- --depth workflow` runs the rest. */
const runsInCi = 100;
/** Server, database and sandbox are made anew after so many runs, so that nothing grows without bound. */
const runsPerGround = 25;
/** The mean on a machine with other work to do. */
const runMaxMs = 10_000;
/** The time-skipping server's own flaw meets a run in a hundred. */
const repeatsMax = 3;

let bundle: WorkflowBundleWithSourceMap;
let ground: WorldGround | undefined;
let runsOnGround = 0;
let flaws = 0;
beforeAll(async () => {
  bundle = await bundleWorkflows();
});
afterAll(leaveGround);

test('whatever comes in, whatever people do and whatever fails, no feed loses, repeats, mixes up or stops', async () => {
  const runs = readSeededRuns({ runsInCi });
  const tally = new RunTally();
  await runSeeded({ ...{ depth: 'workflow', runs, tally, runMaxMs }, plans: worldPlan, run: runOnGround });
  process.stdout.write(`seed ${String(runs.seed)}: ${JSON.stringify({ ...tally.sums(), flaws })}\n`);
  expect(flaws).toBeLessThanOrEqual(flawsMax(tally.runs));
  expect(tally.runs).toBe(runs.path === undefined ? runs.runs : 1);
});

/** A run that meets the server's flaw has shown nothing: it begins anew elsewhere. */
async function runOnGround(plan: WorldPlan): Promise<WorldRun> {
  for (let repeats = 0; ; repeats += 1) {
    if (runsOnGround >= runsPerGround) await leaveGround();
    ground ??= await createWorldGround(bundle);
    runsOnGround += 1;
    try {
      return await runTimed(ground, plan);
    } catch (error) {
      await leaveGround();
      if (!(error instanceof ServerFlaw) || repeats >= repeatsMax) throw error;
      flaws += 1;
    }
  }
}

async function runTimed(onGround: WorldGround, plan: WorldPlan): Promise<WorldRun> {
  const beganMs = performance.now();
  const run = await runWorld(onGround, plan);
  const tookMs = Math.round(performance.now() - beganMs);
  // What a run with breaches leaves behind is nothing to stand on.
  if (run.breaches.length > 0) await leaveGround();
  return { ...run, seen: { ...run.seen, tookMs } };
}

async function leaveGround(): Promise<void> {
  const left = ground;
  ground = undefined;
  runsOnGround = 0;
  await left?.close();
}
