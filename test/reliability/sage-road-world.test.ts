import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { bundleWorkflows } from '../support/workflow-environment.js';
import { createSageRoadGround, type SageRoadGround } from './sage-road-ground.js';
import { sageRoadPlan, type SageRoadPlan } from './sage-road-plan.js';
import { runSageRoad, type SageRoadRun } from './sage-road-world.js';
import { readSeededRuns, RunTally, runSeeded } from './seeded-run.js';
import { flawsMax, ServerFlaw } from './workflow-world-server.js';

/** In CI; `npm run soak -- --depth sage` runs the rest. */
const runsInCi = 20;
/** Server, database and sandbox are made anew after so many runs, so that nothing grows without bound. */
const runsPerGround = 20;
/** The mean on a machine with other work to do. */
const runMaxMs = 20_000;
/** A planted bug must be told of before `npm run mutants` gives up. */
const shrinkingMaxMs = 60_000;
/** The time-skipping server's own flaws. */
const repeatsMax = 3;

let bundle: WorkflowBundleWithSourceMap;
let ground: SageRoadGround | undefined;
let runsOnGround = 0;
let flaws = 0;
beforeAll(async () => {
  bundle = await bundleWorkflows();
});
afterAll(leaveGround);

test('whatever customers and their banks do and whatever fails, what stands here is what stands at Sage', async () => {
  const runs = readSeededRuns({ runsInCi });
  const tally = new RunTally();
  await runSeeded({
    ...{ depth: 'sage', runs, tally, runMaxMs, shrinkingMaxMs },
    plans: sageRoadPlan,
    run: runOnGround,
  });
  process.stdout.write(`seed ${String(runs.seed)}: ${JSON.stringify({ ...tally.sums(), flaws })}\n`);
  expect(flaws).toBeLessThanOrEqual(flawsMax(tally.runs));
  expect(tally.runs).toBe(runs.path === undefined ? runs.runs : 1);
});

/** A run that meets a flaw of the test server has shown nothing: it begins anew elsewhere. */
async function runOnGround(plan: SageRoadPlan): Promise<SageRoadRun> {
  for (let repeats = 0; ; repeats += 1) {
    if (runsOnGround >= runsPerGround) await leaveGround();
    try {
      ground ??= await createSageRoadGround(bundle);
      runsOnGround += 1;
      return await runTimed(ground, plan);
    } catch (error) {
      await leaveGround();
      if (!isFlaw(error) || repeats >= repeatsMax) throw error;
      flaws += 1;
    }
  }
}

/** Starting a server takes longer than the SDK waits for it on a machine that is busy enough. */
function isFlaw(error: unknown): boolean {
  if (error instanceof ServerFlaw) return true;
  return error instanceof Error && error.message.startsWith('Failed to start ephemeral server');
}

async function runTimed(onGround: SageRoadGround, plan: SageRoadPlan): Promise<SageRoadRun> {
  const beganMs = performance.now();
  const run = await runSageRoad(onGround, plan);
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
