import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { fleetRepairScheduleId, taskQueues } from '../domain/ids.js';
import type { fleetRepairWorkflow } from '../workflows/fleet-repair/workflow.js';

/** The repair job's period: a lost signal, or a lost workflow, is made up for within this and a little. */
const repairEvery = '60s';
/** Runs that an outage prevented are not made up for: the next one sees all that they would have seen. */
const repairCatchupWindow = '60s';
/** A run that stands (its code does not fit, say) makes room for the next after this. */
const repairRunTimeout = '10m';

/**
 * Makes the Schedule of the repair job, or brings the one that is there up to date. Safe at every start of a worker, and when
 * several start at once: all write the same. A Schedule that an operator has paused stays paused.
 */
export async function ensureSchedules(client: Client): Promise<void> {
  const definition = {
    spec: { intervals: [{ every: repairEvery }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: repairCatchupWindow },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'fleetRepairWorkflow',
      workflowId: fleetRepairScheduleId,
      taskQueue: taskQueues.workflows,
      workflowExecutionTimeout: repairRunTimeout,
      args: [] as [],
    },
  };
  try {
    await client.schedule.create<typeof fleetRepairWorkflow>({
      scheduleId: fleetRepairScheduleId,
      ...definition,
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const handle = client.schedule.getHandle(fleetRepairScheduleId);
    await handle.update<typeof fleetRepairWorkflow>(({ state }) => ({
      ...definition,
      state: { paused: state.paused, ...(state.note === undefined ? {} : { note: state.note }) },
    }));
  }
}
