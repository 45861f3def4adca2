import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { bundleWorkflows } from '../support/workflow-environment.js';
import { createWorldGround, type WorldGround } from './workflow-world-ground.js';
import { planOfSeed } from './workflow-world-plan.js';
import { runWorld, type WorldRun } from './workflow-world.js';

/** CI's share; the soak runs more, from where it stopped. */
const ciRuns = 100;
/** Server, database and sandbox are made anew after so many runs, so that nothing grows without bound. */
const runsPerGround = 25;
/** Real time; a run takes a second or two. */
const runMaxMs = 60_000;
const planShownMax = 20_000;

const from = Number(process.env['WORLD_FROM'] ?? 1);
const runs = Number(process.env['WORLD_RUNS'] ?? ciRuns);
const grounds = Array.from({ length: Math.ceil(runs / runsPerGround) }, (_, index) => {
  const first = from + index * runsPerGround;
  return { first, last: Math.min(first + runsPerGround, from + runs) - 1 };
});

let bundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  bundle = await bundleWorkflows();
});

describe('whatever comes in, whatever people do and whatever fails', () => {
  it.each(grounds)('nothing is lost, twice, out of order or stuck (seeds $first to $last)', async (seeds) => {
    const ground = await createWorldGround(bundle);
    try {
      for (let seed = seeds.first; seed <= seeds.last; seed += 1) await runSeed(ground, seed);
    } finally {
      await ground.close();
    }
  });
});

async function runSeed(ground: WorldGround, seed: number): Promise<void> {
  const plan = planOfSeed(seed);
  const beganMs = performance.now();
  const bound = new AbortController();
  const hung = sleep(runMaxMs, 'hung' as const, { signal: bound.signal });
  let run: WorldRun | 'hung';
  try {
    run = await Promise.race([runWorld(ground, plan), hung]);
  } catch (error) {
    throw new Error(replayOf(seed), { cause: error });
  } finally {
    bound.abort();
    await hung.catch(() => undefined);
  }
  if (process.env['WORLD_SHOW'] !== undefined) {
    const tookMs = Math.round(performance.now() - beganMs);
    process.stdout.write(`${JSON.stringify({ seed, tookMs, ...(run === 'hung' ? { run } : run) })}\n`);
  }
  const violations = run === 'hung' ? [`I8: the run hung for ${String(runMaxMs)} ms`] : run.violations;
  expect(violations, `${replayOf(seed)}\n${JSON.stringify(plan).slice(0, planShownMax)}`).toEqual([]);
}

function replayOf(seed: number): string {
  const file = 'test/reliability/workflow-world.test.ts';
  return `seed ${String(seed)}: WORLD_FROM=${String(seed)} WORLD_RUNS=1 npx vitest run --project reliability ${file}`;
}
