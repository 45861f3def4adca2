import { log, patched, proxyActivities, sleep } from '@temporalio/workflow';
import type { SharedActivities } from '../../activities/index.js';
import { interactive } from '../activity-options.js';
import type { WorkflowChannels } from '../channel.js';
import { patches } from '../patches.js';

/*
 * The repair job, started every minute by the Schedule `fleet-repair`. The activities of each channel restore missing
 * workflows and lost wake-ups; beside them and after them alerts are raised and ended. A run takes most of its minute, has no messages and carries no
 * state: the position of each activity is stored in the database. One that fails does not keep the others from running;
 * the next run retries it, and its age is a metric.
 */

const { dbReviewAlerts } = proxyActivities<SharedActivities>(interactive.repair);
const repairs = proxyActivities<Record<string, () => Promise<unknown>>>(interactive.repair);

/** Of no channel. */
const sharedRepairs = ['temporalEndCommands'] satisfies (keyof SharedActivities)[];
/** Runs that began before the patch do not have these. */
const patchedRepairs: readonly string[] = ['temporalRestartHandoffs', ...sharedRepairs];

export interface FleetRepairResult {
  /** Activities of which even the last attempt failed. */
  readonly failed: number;
}

/** Absent: alerts are reviewed once, after the repairs. */
export interface FleetRepairInput {
  /** Alerts are reviewed this often … */
  readonly reviewEveryMs: number;
  /** … until the next run of the Schedule begins. */
  readonly periodMs: number;
}

export type FleetRepairWorkflow = (input?: FleetRepairInput) => Promise<FleetRepairResult>;

/** The workflow `fleetRepairWorkflow`; `src/workflows/index.ts` gives it the channels. */
export function createFleetRepairWorkflow(channels: WorkflowChannels): FleetRepairWorkflow {
  return async (input) => {
    const isPatched = patched(patches.repairOfHandoffsAndCommands);
    const all = [...Object.values(channels).flatMap((channel) => channel.repairActivities), ...sharedRepairs];
    const names = isPatched ? all : all.filter((name) => !patchedRepairs.includes(name));
    const repairing = Promise.allSettled(names.map(async (name) => await repairs[name]?.()));
    // Older code ignores the input of a run that the newer Schedule began.
    const reviewed = isPatched && input !== undefined ? await reviewRepeatedly(input) : [];
    const repaired = await repairing;
    // Last, so that an alert about what the others found is raised in the same minute.
    reviewed.push(...(await Promise.allSettled([dbReviewAlerts()])));
    const failed = [...repaired, ...reviewed].filter(({ status }) => status === 'rejected').length;
    if (failed > 0) log.warn('repair activities failed', { failed });
    return { failed };
  };
}

/** Beside the repairs, which may take longer: an outage raises its alert within a minute of the first failed attempt. */
async function reviewRepeatedly({
  reviewEveryMs,
  periodMs,
}: FleetRepairInput): Promise<PromiseSettledResult<unknown>[]> {
  const startedAtMs = Date.now();
  const reviewed: PromiseSettledResult<unknown>[] = [];
  // The last one of the period follows when the repairs are over.
  for (let dueMs = reviewEveryMs; dueMs < periodMs; dueMs += reviewEveryMs) {
    reviewed.push(...(await Promise.allSettled([dbReviewAlerts()])));
    const waitMs = startedAtMs + dueMs - Date.now();
    if (waitMs > 0) await sleep(waitMs);
  }
  return reviewed;
}
