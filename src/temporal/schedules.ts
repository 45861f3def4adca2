import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { fleetSweepScheduleId, taskQueues } from '../domain/ids.js';
import type { fleetSweepWorkflow } from '../workflows/fleet-repair/workflow.js';

/** The sweep's period: a lost signal, or a lost workflow, is made up for within this and a little. */
const sweepEvery = '60s';
/** Sweeps that an outage swallowed are not made up for: the next one sees all that they would have seen. */
const sweepCatchupWindow = '60s';
/** A run that stands (its code does not fit, say) makes room for the next after this. */
const sweepRunTimeout = '10m';

/**
 * Makes the Schedule of the sweep, or brings the one that is there up to date. Safe at every start of a worker, and when
 * several start at once: all write the same. A Schedule that an operator has paused stays paused.
 */
export async function ensureSchedules(client: Client): Promise<void> {
  const definition = {
    spec: { intervals: [{ every: sweepEvery }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: sweepCatchupWindow },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'fleetSweepWorkflow',
      workflowId: fleetSweepScheduleId,
      taskQueue: taskQueues.workflows,
      workflowExecutionTimeout: sweepRunTimeout,
      args: [] as [],
    },
  };
  try {
    await client.schedule.create<typeof fleetSweepWorkflow>({
      scheduleId: fleetSweepScheduleId,
      ...definition,
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const handle = client.schedule.getHandle(fleetSweepScheduleId);
    await handle.update<typeof fleetSweepWorkflow>(({ state }) => ({
      ...definition,
      state: { paused: state.paused, ...(state.note === undefined ? {} : { note: state.note }) },
    }));
  }
}
