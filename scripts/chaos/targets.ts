import type { CoreBanking } from './core-banking.js';
import { nextFreshPosting, nextNewBatch } from './next-post.js';
import type { SeededRandom } from './seeded-random.js';
import type { Stack } from './stack.js';
import type { SupervisedPart } from './supervised-part.js';
import { setTimeout as sleep } from 'node:timers/promises';

export const randomTargets = ['worker', 'api', 'temporal', 'postgres'] as const;
export type RandomTarget = (typeof randomTargets)[number];

/** What every way of killing works with. */
export interface Scene {
  readonly stack: Stack;
  readonly core: CoreBanking;
  readonly random: SeededRandom;
}

/** Between the last recovery and the next kill. */
const quietMs = { min: 100, max: 2_000 };

/** Kills one part at a random moment and waits for the next POST of work that was not under way. Answers the ms. */
export async function killAtRandom(scene: Scene, target: RandomTarget): Promise<number> {
  const { stack, core, random } = scene;
  await sleep(random.between(quietMs.min, quietMs.max));
  const part = partOf(stack, target);
  const killedAtMs = await part.kill();
  const postedAtMs =
    target === 'api'
      ? await nextFreshPosting(stack, killedAtMs, () => core.acknowledgedSince(killedAtMs))
      : await nextNewBatch(stack, killedAtMs, target === 'temporal' ? 'new_delivery_runs' : 'any');
  await part.untilReady();
  return postedAtMs - killedAtMs;
}

function partOf(stack: Stack, target: RandomTarget): SupervisedPart {
  switch (target) {
    case 'worker':
      return firstWorker(stack);
    case 'api':
      return stack.api;
    case 'temporal':
      return stack.temporal;
    case 'postgres':
      return stack.postgres;
  }
}

export function firstWorker(stack: Stack): SupervisedPart {
  const [worker] = stack.workers;
  if (worker === undefined) throw new Error('no worker runs');
  return worker;
}
