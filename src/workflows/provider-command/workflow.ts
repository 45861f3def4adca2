import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
} from '@temporalio/workflow';
import type { Activities } from '../../activities/index.js';
import { failureTypes } from '../../domain/failures.js';
import { interactive } from '../activity-options.js';
import type { ProviderCommandInput } from './messages.js';

/*
 * One command in a provider's words, asked by an API caller or a page: its row is the order and the answer. Lives for
 * seconds, at most five minutes and the time to write down that they were not enough; no messages, never renews.
 */

/** All attempts of a command together; whoever asked has had its 202 long before. */
const budgetMs = 5 * 60_000;
/** Then the row must be told, however long the database is away (the run is an operator's to see meanwhile). */
const tellingMs = 24 * 60 * 60_000;

export async function providerCommandWorkflow(input: ProviderCommandInput): Promise<void> {
  const { commandId, provider } = input;
  const providerName = provider === 'sage' ? 'Sage' : 'Rutter';
  const write = proxyActivities<Activities>({
    ...interactive.providerWrites,
    scheduleToCloseTimeout: budgetMs,
  });
  const database = proxyActivities<Activities>({
    ...interactive.database,
    scheduleToCloseTimeout: tellingMs,
  });
  setCurrentDetails(`Asking ${providerName}.`);
  try {
    const { state } = await (provider === 'sage'
      ? write.sageRunCommand({ commandId })
      : write.rutterRunCommand({ commandId }));
    setCurrentDetails(state === 'done' ? 'Done.' : `${providerName} refused; the command says why.`);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    // The row is gone: nobody is left to tell.
    if (error.cause instanceof ApplicationFailure && error.cause.type === failureTypes.obsolete) return;
    const code = 'provider_unavailable';
    await database.dbFailCommand({ commandId, code, ...(provider === undefined ? {} : { provider }) });
    setCurrentDetails(`${providerName} did not answer in time.`);
  }
}
