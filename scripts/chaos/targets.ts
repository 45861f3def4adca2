import type { CoreBanking } from './core-banking.js';
import { nextFreshPosting, nextNewBatch } from './next-post.js';
import type { SeededRandom } from './seeded-random.js';
import type { Stack } from './stack.js';
import type { SupervisedPart } from './supervised-part.js';
import { setTimeout as sleep } from 'node:timers/promises';

export const randomTargets = ['worker', 'api', 'temporal', 'postgres'] as const;
export type RandomTarget = (typeof randomTargets)[number];

/** What every step needs. */
export interface ChaosContext {
  readonly stack: Stack;
  readonly coreBanking: CoreBanking;
  readonly random: SeededRandom;
}

/** Range of the wait between a recovery and the next kill. */
const pauseMs = { min: 100, max: 2_000 };

/** Kills one part at a random moment and waits for the next POST of new work. @returns the recovery time, in ms */
export async function killAtRandom(context: ChaosContext, target: RandomTarget): Promise<number> {
  const { stack, coreBanking, random } = context;
  await sleep(random.between(pauseMs.min, pauseMs.max));
  const part = partOf(stack, target);
  const killedAtMs = await part.kill();
  const postedAtMs =
    target === 'api'
      ? await nextFreshPosting(stack, killedAtMs, () => coreBanking.acknowledgedSince(killedAtMs))
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
