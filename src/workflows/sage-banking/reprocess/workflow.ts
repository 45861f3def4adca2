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
 * One run of an account's rules over its stored transactions (contract 10): chunk after chunk it has Sage begin a run,
 * polls it and stores what Sage predicts. Order and progress stand in its row, so that a worker that dies, or a workflow
 * that is begun again, goes on with the chunk under way. Lives for seconds, with many transactions for minutes; no chunk
 * is begun after a day, no run at Sage is waited for longer than a quarter of an hour, three times. No messages; renewed
 * when the server suggests it, with nothing to carry.
 */

/** All attempts of one call together: an outage that lasts longer ends the run, which can be asked for again. */
const outageMaxMs = 6 * 60 * 60_000;
/** Then the row must be written, however long the database is unavailable (operators see the run in the meantime). */
const tellingMs = 24 * 60 * 60_000;

export async function sageReprocessWorkflow(input: SageReprocessInput): Promise<void> {
  const { reprocessId } = input;
  setCurrentDetails('Asking Sage to run the rules again.');
  try {
    const { isOver } = await reprocess(input);
    if (!isOver) await continueAsNew<typeof sageReprocessWorkflow>(input);
    setCurrentDetails('Over; the run says how.');
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    // The row is gone: nobody is left to tell.
    if (error.cause instanceof ApplicationFailure && error.cause.type === failureTypes.obsolete) return;
    const database = proxyActivities<SageBankingActivities>({
      ...interactive.database,
      scheduleToCloseTimeout: tellingMs,
    });
    await database.dbFailReprocess({ reprocessId, reason: 'reprocess_no_answer' });
    setCurrentDetails('Nobody answered in time.');
  }
}

/** Goes on until the row says that the run is over, or the history is long enough. */
async function reprocess(input: SageReprocessInput): Promise<{ isOver: boolean }> {
  const sage = proxyActivities<SageBankingActivities>({
    ...interactive.providerWrite,
    // Nobody waits at a page for hours: an outage is not met by a crowd.
    retry: { ...interactive.providerWrite.retry, maximumInterval: '1m' },
    scheduleToCloseTimeout: outageMaxMs,
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
