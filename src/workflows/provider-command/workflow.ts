import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
} from '@temporalio/workflow';
import type { SharedActivities } from '../../activities/index.js';
import { failureTypes } from '../../domain/failures.js';
import { interactive } from '../activity-options.js';
import type { ProviderCommandInput } from './messages.js';

/*
 * Carries out one command at the provider of its channel, for an API caller or a page; the command's row holds the request
 * and receives the answer. Lives for seconds, at most five minutes plus the time to record a failure; has no messages and
 * never renews.
 */

/** All attempts of a command together; the caller has received 202 long before. */
const budgetMs = 5 * 60_000;
/** The failure must reach the row, however long the database is unavailable; meanwhile operators see the open run. */
const recordFailureBudgetMs = 24 * 60 * 60_000;

const { providerRunCommand } = proxyActivities<SharedActivities>({
  ...interactive.providerWrites,
  scheduleToCloseTimeout: budgetMs,
});
const { dbFailCommand } = proxyActivities<SharedActivities>({
  ...interactive.database,
  scheduleToCloseTimeout: recordFailureBudgetMs,
});

export async function providerCommandWorkflow({ commandId, channel }: ProviderCommandInput): Promise<void> {
  setCurrentDetails(`Asking the provider (${channel}).`);
  try {
    const { state } = await providerRunCommand({ commandId, channel });
    setCurrentDetails(state === 'done' ? 'Done.' : 'The provider refused; the command has the reason.');
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    // The command's row no longer exists: there is nothing to record.
    if (error.cause instanceof ApplicationFailure && error.cause.type === failureTypes.obsolete) return;
    await dbFailCommand({ commandId, channel, code: 'provider_unavailable' });
    setCurrentDetails('The provider did not answer in time.');
  }
}
