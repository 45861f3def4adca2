import {
  ActivityFailure,
  ApplicationFailure,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { SageBankingActivities } from '../../../activities/sage-banking/channel.js';
import { failureTypes } from '../../../domain/failures.js';
import { interactive } from '../../activity-options.js';
import type { SageReprocessInput } from './messages.js';

/*
 * One run of an account's rules over its stored transactions (contract 10): for each chunk it starts a run at
 * Sage, polls it and stores Sage's suggestions. The request and the progress are stored in its row, so that another worker, or
 * a workflow that is started again, continues the chunk in progress. Runs for seconds, with many transactions for minutes; no
 * chunk is started after a day, and a run at Sage is polled for 15 minutes at most and started three times at most. No
 * messages; renews when the server suggests it, with nothing to carry.
 */

/** All attempts of one call together: a longer outage fails the run, which can be requested again. */
const callBudgetMs = 6 * 60 * 60_000;
/** The failure must reach the row, however long the database is unavailable; meanwhile operators see the open run. */
const recordFailureBudgetMs = 24 * 60 * 60_000;

export async function sageReprocessWorkflow(input: SageReprocessInput): Promise<void> {
  const { reprocessId } = input;
  setCurrentDetails('Running the rules at Sage again.');
  try {
    const { isOver } = await reprocess(input);
    if (!isOver) await continueAsNew<typeof sageReprocessWorkflow>(input);
    setCurrentDetails('Completed; the run has the result.');
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    // The row no longer exists: there is nothing to record.
    if (error.cause instanceof ApplicationFailure && error.cause.type === failureTypes.obsolete) return;
    const database = proxyActivities<SageBankingActivities>({
      ...interactive.database,
      scheduleToCloseTimeout: recordFailureBudgetMs,
    });
    await database.dbFailReprocess({ reprocessId, reason: 'reprocess_no_answer' });
    setCurrentDetails('Sage did not answer in time.');
  }
}

/** Continues until the row shows the end of the run, or the server suggests a renewal. */
async function reprocess(input: SageReprocessInput): Promise<{ isOver: boolean }> {
  const sage = proxyActivities<SageBankingActivities>({
    ...interactive.providerWrite,
    // No person waits that long: back off further, so that retries do not overload Sage after an outage.
    retry: { ...interactive.providerWrite.retry, maximumInterval: '1m' },
    scheduleToCloseTimeout: callBudgetMs,
  });
  while (!workflowInfo().continueAsNewSuggested) {
    const started = await sage.sageStartReprocessChunk(input);
    if (started.outcome === 'over') return { isOver: true };
    let waitMs = started.pollAfterMs;
    for (;;) {
      await sleep(waitMs);
      const polled = await sage.sagePollReprocessChunk(input);
      if (polled.outcome === 'over') return { isOver: true };
      if (polled.outcome === 'next') {
        if (polled.startAfterMs > 0) await sleep(polled.startAfterMs);
        break;
      }
      waitMs = polled.pollAfterMs;
    }
  }
  return { isOver: false };
}
