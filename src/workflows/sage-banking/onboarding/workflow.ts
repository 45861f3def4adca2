import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  isCancellation,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { SageBankingActivities } from '../../../activities/sage-banking/channel.js';
import { failureTypes } from '../../../domain/failures.js';
import { dayMs, limits } from '../../../domain/limits.js';
import { backoffMs } from '../../../domain/schedule.js';
import { interactive } from '../../activity-options.js';
import { searchAttributes } from '../../search-attributes.js';
import * as messages from './messages.js';
import { describe, initialState, type SageOnboardingRun } from './state.js';

/*
 * One customer's onboarding to an organisation at Sage's Banking Service (contract 2.3, 3): from the request in its row
 * to `ready` or `refused`. Runs for seconds with a cloud product, for up to a week of waiting with a desktop one, and
 * while `in_doubt` until an operator has resolved it. One loop: take the next step, then wait as its result says. Message:
 * signal `sageOnboardingChanged` (its row has something new). Renews when the server suggests it, or after 30 days.
 */

/** A signal can be lost with the process that should have sent it, so the row is checked at least this often. */
const checkAgainMs = dayMs;
/** While Sage does not answer: after a second, in the end every five minutes. */
const transientBackoff = { firstMs: 1_000, maxMs: 5 * 60_000 };
/** When an operator must act first, or the cause is unknown: after a minute, in the end every hour. A signal retries at once. */
const persistentBackoff = { firstMs: 60_000, maxMs: 60 * 60_000 };

/** All attempts of one step together; then its failure is recorded, and signals and the renewal are handled. */
const stepBudgetMs = 10 * 60_000;
/** All attempts to record a failure. One that could not be recorded is not lost: the next one is recorded as well. */
const recordFailureBudgetMs = 2 * 60_000;

const { sageAdvanceOnboarding } = proxyActivities<SageBankingActivities>({
  ...interactive.providerWrites,
  scheduleToCloseTimeout: stepBudgetMs,
});
const { dbRecordOnboardingFailure } = proxyActivities<SageBankingActivities>({
  ...interactive.database,
  scheduleToCloseTimeout: recordFailureBudgetMs,
});

export async function sageOnboardingWorkflow(input: messages.SageOnboardingInput): Promise<void> {
  const run = initialState();
  setHandler(messages.sageOnboardingChanged, () => {
    run.changed = true;
  });
  const isChanged = (): boolean => run.changed;
  do {
    run.changed = false;
    const waitMs = await step(run, input);
    if (waitMs === 'over') {
      // An operator may have reopened it while its last step was running: the signal must not end with this run.
      if (isChanged()) continue;
      return;
    }
    await condition(isChanged, Math.min(waitMs, checkAgainMs));
  } while (!isDueForRenewal());
  await condition(allHandlersFinished);
  await continueAsNew<typeof sageOnboardingWorkflow>(input);
}

/** Takes steps as long as one follows at once; returns how long to wait then. */
async function step(run: SageOnboardingRun, input: messages.SageOnboardingInput): Promise<number | 'over'> {
  for (;;) {
    const result = await advance(input);
    if (result === 'gone') return 'over';
    if (result === 'failed') return backoffMs({ tries: run.attempts++, ...persistentBackoff });
    if (run.customerId === null) {
      run.customerId = result.customerId;
      upsertSearchAttributes([{ key: searchAttributes.customerId, value: result.customerId }]);
    }
    setCurrentDetails(describe(result));
    switch (result.next) {
      case 'over':
        return 'over';
      case 'again':
        run.attempts = 0;
        continue;
      case 'wait':
        run.attempts = 0;
        return result.waitMs ?? checkAgainMs;
      case 'later': {
        const backoff = backoffMs({
          tries: run.attempts++,
          ...(result.slowly ? persistentBackoff : transientBackoff),
        });
        return Math.max(backoff, result.waitMs ?? 0);
      }
    }
  }
}

/** A step that failed is retried later: an onboarding waits, it never fails. */
async function advance(input: messages.SageOnboardingInput) {
  try {
    return await sageAdvanceOnboarding(input);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    // The row no longer exists.
    if (error.cause instanceof ApplicationFailure && error.cause.type === failureTypes.obsolete)
      return 'gone';
    log.warn('a step of an onboarding failed');
    await recordFailure(input);
    return 'failed';
  }
}

/** The failure in the row raises the alert. If the database is unavailable, the next failure is recorded. */
async function recordFailure(input: messages.SageOnboardingInput): Promise<void> {
  try {
    await dbRecordOnboardingFailure(input);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  }
}

function isDueForRenewal(): boolean {
  const { continueAsNewSuggested, runStartTime } = workflowInfo();
  return continueAsNewSuggested || Date.now() - runStartTime.getTime() > limits.runAgeMaxMs;
}
