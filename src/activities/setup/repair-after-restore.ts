import { raiseFinding } from '../../db/restore-findings.js';
import type { DbChannels } from '../../db/channel.js';
import { endRestoreRepair, type DatabaseRestore } from '../../db/database-mark.js';
import { listWithoutRow, sharedWorkflowRows } from '../../db/workflow-rows.js';
import type { WorkflowRows } from '../../db/channel.js';
import type { ActivityChannels, AfterRestoreCounts } from '../channel.js';
import type { ListedWorkflow, RestoreWorkflows, SharedDeps } from '../deps.js';

/** What the repair found and did. */
export interface RestoreReport extends AfterRestoreCounts {
  /** Workflows that ran without a row and were ended. */
  readonly endedWorkflows: number;
}

const endReason = 'its row does not exist: the database was restored to an earlier moment';

/**
 * After a restore of the database to an earlier moment: ends the workflows that have no row, recovers or reports what
 * operators decided, and adopts what the providers have and the rows do not. The result is part of the alert
 * `database_restored`. A repeat is safe and finds less.
 *
 * @param lost null: the moments are not known
 */
export async function repairAfterRestore<Deps extends SharedDeps>(
  deps: Deps,
  input: {
    channels: ActivityChannels<Deps>;
    dbChannels: DbChannels;
    restore: RestoreWorkflows;
    lost: DatabaseRestore | null;
  },
): Promise<RestoreReport> {
  const { channels, dbChannels, restore, lost } = input;
  const kinds = [...sharedWorkflowRows, ...Object.values(dbChannels).flatMap((each) => each.workflowRows)];
  const customerIds = new Set<string>();
  let endedWorkflows = 0;
  for (const rows of kinds) {
    for await (const page of restore.listRunning({ type: rows.type })) {
      const orphans = await withoutRow(deps, { rows, page });
      for (const orphan of orphans) {
        if (orphan.customerId !== null) customerIds.add(orphan.customerId);
        await endOrphan(deps, { restore, orphan, type: rows.type });
      }
      endedWorkflows += orphans.length;
    }
  }
  const counts = { decisions: 0, adoptedConnections: 0, adoptedFeeds: 0, unreadableConnections: 0 };
  for (const channel of Object.values(channels)) {
    if (!channel.isConfigured(deps)) continue;
    const lostFrom = lost?.lostFrom ?? null;
    const of = await channel.repairAfterRestore?.(deps, { restore, lostFrom, customerIds });
    if (of === undefined) continue;
    counts.decisions += of.decisions;
    counts.adoptedConnections += of.adoptedConnections;
    counts.adoptedFeeds += of.adoptedFeeds;
    counts.unreadableConnections += of.unreadableConnections;
  }
  const report = { endedWorkflows, ...counts };
  await recordReport(deps, lost, report);
  return report;
}

async function withoutRow(
  { pool }: SharedDeps,
  { rows, page }: { rows: WorkflowRows; page: readonly ListedWorkflow[] },
): Promise<ListedWorkflow[]> {
  const idOf = ({ workflowId }: ListedWorkflow) => workflowId.slice(rows.idPrefix.length);
  const ours = page.filter(
    (workflow) => workflow.workflowId.startsWith(rows.idPrefix) && rows.idPattern.test(idOf(workflow)),
  );
  // The rows are read after the list: a workflow is started after its row is written.
  const missing = await listWithoutRow(pool, { rows, ids: ours.map(idOf) });
  return ours.filter((workflow) => missing.has(idOf(workflow)));
}

/** Recorded first: if the process ends in between, the next repair ends it. */
async function endOrphan(
  { pool }: SharedDeps,
  { restore, orphan, type }: { restore: RestoreWorkflows; orphan: ListedWorkflow; type: string },
): Promise<void> {
  const { workflowId, runId, customerId, feedState } = orphan;
  const detail = { type, state: feedState };
  await raiseFinding(pool, { code: 'workflow_without_row', subject: workflowId, customerId, detail });
  await restore.endWorkflow({ workflowId, runId, reason: endReason });
}

async function recordReport(
  { pool }: SharedDeps,
  lost: DatabaseRestore | null,
  report: RestoreReport,
): Promise<void> {
  const found = Object.values(report).some((count) => count > 0);
  if (lost !== null || found) {
    const detail = {
      lost_from: lost?.lostFrom ?? null,
      lost_until: lost?.lostUntil ?? null,
      ended_workflows: report.endedWorkflows,
      adopted_connections: report.adoptedConnections,
      adopted_feeds: report.adoptedFeeds,
      unreadable_connections: report.unreadableConnections,
      decisions: report.decisions,
    };
    await raiseFinding(pool, { code: 'database_restored', subject: 'service', detail });
  }
  await endRestoreRepair(pool, { done: true });
}
