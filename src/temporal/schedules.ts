import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { alertReviewMs } from '../domain/alerts.js';
import { fleetRepairScheduleId, taskQueues } from '../domain/ids.js';
import type { FleetRepairInput, FleetRepairWorkflow } from '../workflows/fleet-repair/workflow.js';
import { readScheduleState } from './schedule-state.js';

/** A lost signal or workflow is repaired within this period and a little. */
const repairEveryMs = 60_000;
/** Runs that an outage prevented are not caught up: the next one finds all that they would have found. */
const repairCatchupWindow = '60s';
/** A run that hangs, on an incompatible worker for instance, is ended after this, so that the next one can start. */
const repairRunTimeout = '10m';

function definitionOf(alertReviewEveryMs: number) {
  return {
    spec: { intervals: [{ every: repairEveryMs }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: repairCatchupWindow },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'fleetRepairWorkflow',
      workflowId: fleetRepairScheduleId,
      taskQueue: taskQueues.workflows,
      workflowExecutionTimeout: repairRunTimeout,
      args: [{ reviewEveryMs: alertReviewEveryMs, periodMs: repairEveryMs }] as [FleetRepairInput],
    },
  };
}

/**
 * Creates the Schedule of the repair job, or updates the one that exists. Safe at every start of a worker, and when
 * several start at once: all write the same. A Schedule that an operator has paused stays paused. Returns whether it was
 * missing. `reviewEveryMs`: how often a run reviews alerts; once when it is a minute.
 */
export async function ensureSchedules(
  client: Client,
  reviewEveryMs = alertReviewMs,
): Promise<{ created: boolean }> {
  const definition = definitionOf(reviewEveryMs);
  if (await createRepairSchedule(client, definition)) return { created: true };
  const handle = client.schedule.getHandle(fleetRepairScheduleId);
  await handle.update<FleetRepairWorkflow>(({ state }) => ({
    ...definition,
    state: { paused: state.paused, ...(state.note === undefined ? {} : { note: state.note }) },
  }));
  return { created: false };
}

/** Creates the Schedule of the repair job if it does not exist: one read when it does. Returns whether it was missing. */
export async function restoreSchedules(client: Client): Promise<{ created: boolean }> {
  if ((await readScheduleState(client, fleetRepairScheduleId)) !== null) return { created: false };
  return { created: await createRepairSchedule(client, definitionOf(alertReviewMs)) };
}

async function createRepairSchedule(
  client: Client,
  definition: ReturnType<typeof definitionOf>,
): Promise<boolean> {
  try {
    await client.schedule.create<FleetRepairWorkflow>({ scheduleId: fleetRepairScheduleId, ...definition });
    return true;
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) return false;
    throw error;
  }
}
