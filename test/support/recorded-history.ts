import type { Client } from '@temporalio/client';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { saveHistory } from '../../scripts/saved-history.js';
import { createReplayConverter } from './replay-key.js';

/** A run of a workflow test, and the name of its saved history. */
export interface RecordedRun {
  readonly client: Client;
  readonly workflowBundle: WorkflowBundle;
  readonly workflowId: string;
  /** The latest run unless given. */
  readonly runId?: string;
  readonly name: string;
}

/**
 * Replays a run's history as another worker would. With SAVE_HISTORIES set (`npm run histories`) it is also written to
 * `test/replay/histories/<name>.json`, where later code must replay it.
 */
export async function replayAndRecord(run: RecordedRun): Promise<void> {
  const { client, workflowBundle, workflowId, runId, name } = run;
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  await Worker.runReplayHistory(
    { workflowBundle, dataConverter: createReplayConverter() },
    history,
    workflowId,
  );
  if (process.env['SAVE_HISTORIES'] === undefined) return;
  await saveHistory({ client, workflowId, name, ...(runId === undefined ? {} : { runId }) });
}
