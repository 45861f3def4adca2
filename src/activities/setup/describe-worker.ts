import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../../db/pool.js';
import { deleteWorkerProcess, workerSeenEveryMs, writeWorkerProcess } from '../../db/worker-processes.js';
import type { Availability } from '../../domain/availability.js';
import { causeSentence, type Degraded } from '../../domain/degraded.js';

export interface DescribeWorkerInput {
  readonly pool: Pool;
  /** Under which it polls, and when it started. */
  readonly workerId: string;
  readonly version: string;
  /** Why its workflow bundle is not the one of its code; null when it is. */
  readonly bundleProblem: string | null;
  readonly availability: readonly Availability[];
  readonly stopping: AbortSignal;
  /** For tests. */
  readonly everyMs?: number;
}

/**
 * Writes every few seconds that this worker runs, and what is degraded in it, until it stops; then removes it. Never throws:
 * without the database nothing can be written, and that the database does not answer is reported where it is called.
 */
export async function describeWorker(input: DescribeWorkerInput): Promise<void> {
  const { pool, workerId, version, stopping, everyMs = workerSeenEveryMs } = input;
  while (!stopping.aborted) {
    const state = { version, degraded: degradedOfWorker(input) };
    await writeWorkerProcess(pool, { workerId, state }).catch(() => undefined);
    await sleep(everyMs, undefined, { signal: stopping }).catch(() => undefined);
  }
  await deleteWorkerProcess(pool, { workerId }).catch(() => undefined);
}

/** What is degraded in a worker now. */
export function degradedOfWorker(
  input: Pick<DescribeWorkerInput, 'bundleProblem' | 'availability'>,
): Degraded[] {
  const bundle: Degraded[] =
    input.bundleProblem === null ? [] : [{ part: 'workflow_bundle', cause: input.bundleProblem }];
  const parts = input.availability.flatMap((availability): Degraded[] => {
    const cause = availability.current();
    return cause === null ? [] : [{ part: availability.part, code: cause.code, cause: causeSentence(cause) }];
  });
  return [...bundle, ...parts];
}
