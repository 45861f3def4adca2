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
import type { PollBankLinkResult } from '../../../activities/sage-banking/bank-link/poll-bank-link.js';
import { failureTypes } from '../../../domain/failures.js';
import {
  sageLinkCreateTriesMs,
  sageConsentTriesMs,
  type SageLinkReason,
} from '../../../domain/sage-banking/bank-link.js';
import { interactive } from '../../activity-options.js';
import type { SageBankLinkInput } from './messages.js';

/*
 * One bank consent: for a new account at Sage, or for the renewed authorization of an existing one (contract 5, 6.2, 6.4);
 * for a direct bank only the creation of its account. Polls the stored route at the period that Sage gives; when the route is
 * lost it opens another consent session. Runs until the link expires, after 20 minutes at most; then until the account is
 * created, which waits for the end of an earlier account (`sageLinkWaitsForEndMs`) and, when Sage does not answer, up to a
 * day longer. No messages; its state is stored in the row. It always completes, with its outcome in the row. Renews when
 * the server suggests it (a short period fills a history).
 */

const database = proxyActivities<SageBankingActivities>(interactive.database);
const creation = proxyActivities<SageBankingActivities>({
  ...interactive.writeWithUnknownOutcome,
  scheduleToCloseTimeout: sageLinkCreateTriesMs,
});

/** An attempt that began before the link expired may end this much later. */
const attemptGraceMs = 60_000;

/** The shortest pause between two polls, whatever Sage says. */
const pollPauseMinMs = 100;

export async function sageBankLinkWorkflow(input: SageBankLinkInput): Promise<void> {
  const { linkId } = input;
  try {
    setCurrentDetails('Opening a consent session at the bank.');
    let budgetMs = sageConsentTriesMs;
    let step: PollBankLinkResult = await within(budgetMs).sageBeginBankLink(input);
    while (step.outcome === 'waiting' || step.outcome === 'lost') {
      await renewIfSuggested(input);
      if (step.outcome === 'lost') {
        setCurrentDetails('The consent session was lost; opening another one.');
        step = await within(budgetMs).sageBeginBankLink(input);
        continue;
      }
      setCurrentDetails('Waiting for the customer to consent at the bank.');
      const pauseMs = Math.max(pollPauseMinMs, Math.min(step.pollAfterMs, step.remainingMs));
      budgetMs = Math.max(0, step.remainingMs - pauseMs) + attemptGraceMs;
      await sleep(pauseMs);
      step = await within(budgetMs).sagePollBankLink(input);
    }
    if (step.outcome === 'granted') await create(input);
  } catch (error) {
    const reason = reasonOf(error);
    if (reason !== null) await database.dbEndBankLink({ linkId, reason });
  }
}

/** Steps of the consent session, with all their attempts in this time. */
function within(scheduleToCloseTimeout: number) {
  return proxyActivities<SageBankingActivities>({ ...interactive.providerRead, scheduleToCloseTimeout });
}

/** The loop is bounded because the activity ends the link by the age of its row; a renewed run continues from the row. */
async function create(input: SageBankLinkInput): Promise<void> {
  setCurrentDetails('The customer has consented; creating the account at Sage.');
  for (;;) {
    const result = await creation.sageCreateAccount(input);
    if (result.outcome === 'over') return;
    setCurrentDetails('Waiting for the end of the account that this one replaces.');
    await sleep(result.waitMs);
    await renewIfSuggested(input);
  }
}

async function renewIfSuggested({ linkId }: SageBankLinkInput): Promise<void> {
  if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof sageBankLinkWorkflow>({ linkId });
}

/** The reason to record when an activity's attempts are used up; null when the row does not exist. */
function reasonOf(error: unknown): SageLinkReason | null {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  const { cause } = error;
  const type = cause instanceof ApplicationFailure ? cause.type : null;
  return type === failureTypes.obsolete ? null : 'provider_unavailable';
}
