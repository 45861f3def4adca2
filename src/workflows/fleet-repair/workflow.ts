import { log, patched, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.js';
import { interactive } from '../activity-options.js';
import { patches } from '../patches.js';

/*
 * The fleet's chores, started every minute by the Schedule `fleet-repair job`: whatever lost its workflow, on either channel,
 * gets it back, feeds whose wake-up was lost are woken, alerts are raised and ended. One run, seconds long, with no
 * messages and nothing to carry: how far each chore has come stands in the database. A chore that fails keeps no other
 * from its turn; the next run tries it again, and its age shows in the metrics.
 */

const chores = proxyActivities<Activities>(interactive.repair);

export interface FleetRepairResult {
  /** Chores of which even the last attempt failed. */
  readonly failed: number;
}

export async function fleetRepairWorkflow(): Promise<FleetRepairResult> {
  const repairsSage = patched(patches.sageRepair);
  const repaired = await Promise.allSettled([
    chores.temporalRestartFeeds(),
    chores.temporalWakeConnections(),
    chores.temporalWakeFeeds(),
    ...(repairsSage ? [chores.sageRestartWorkflows()] : []),
  ]);
  // Last, so that what the others found is told in the same minute.
  const reviewed = await Promise.allSettled([chores.dbReviewAlerts()]);
  const failed = [...repaired, ...reviewed].filter((chore) => chore.status === 'rejected').length;
  if (failed > 0) log.warn('chores of the repair job failed', { failed });
  return { failed };
}
