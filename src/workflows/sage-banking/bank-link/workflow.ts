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
 * One bank consent: to a new account at Sage, or to the renewed authorisation of an old one (contract 5, 6.2, 6.4); for a
 * direct bank only the creation of its account. Polls the stored route at the period that Sage gives; when the route is
 * lost it opens another consent session. Lives until the link's time is over, at most 20 minutes; then for the creation of
 * the account, which waits for the end of an earlier one (`sageLinkWaitsForEndMs`) and, when Sage does not answer, up to a
 * day more. No messages; its state is stored in the row. It always completes, and the row says how. Renews when the
 * server suggests it (a short period fills a history).
 */

const database = proxyActivities<SageBankingActivities>(interactive.database);
const creation = proxyActivities<SageBankingActivities>({
  ...interactive.writeWithUnknownOutcome,
  scheduleToCloseTimeout: sageLinkCreateTriesMs,
});

/** An attempt that began in time may end this much later. */
const endedWithinMs = 60_000;

/** The shortest pause between two polls, whatever Sage says. */
const pollPauseMinMs = 100;

export async function sageBankLinkWorkflow(input: SageBankLinkInput): Promise<void> {
  const { linkId } = input;
  try {
    setCurrentDetails('Opening a consent session at the bank.');
    let leftMs = sageConsentTriesMs;
    let step: PollBankLinkResult = await within(leftMs).sageBeginBankLink(input);
    while (step.outcome === 'waiting' || step.outcome === 'lost') {
      await renewIfSuggested(input);
      if (step.outcome === 'lost') {
        setCurrentDetails('The consent session was lost; opening another one.');
        step = await within(leftMs).sageBeginBankLink(input);
        continue;
      }
      setCurrentDetails('Waiting for the customer at the bank’s pages.');
      const pauseMs = Math.max(pollPauseMinMs, Math.min(step.pollAfterMs, step.remainingMs));
      leftMs = Math.max(0, step.remainingMs - pauseMs) + endedWithinMs;
      await sleep(pauseMs);
      step = await within(leftMs).sagePollBankLink(input);
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

/** The activity ends the link by its row's age, so the loop ends, too; a renewed run continues from the row. */
async function create(input: SageBankLinkInput): Promise<void> {
  setCurrentDetails('The customer has consented; creating the account at Sage.');
  for (;;) {
    const result = await creation.sageCreateAccount(input);
    if (result.outcome === 'over') return;
    setCurrentDetails('Waiting for the end of the account that this one is to follow.');
    await sleep(result.waitMs);
    await renewIfSuggested(input);
  }
}

async function renewIfSuggested({ linkId }: SageBankLinkInput): Promise<void> {
  if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof sageBankLinkWorkflow>({ linkId });
}

/** The result when an activity's attempts are used up; null: the row does not exist, and nothing is recorded. */
function reasonOf(error: unknown): SageLinkReason | null {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  const { cause } = error;
  const type = cause instanceof ApplicationFailure ? cause.type : null;
  return type === failureTypes.obsolete ? null : 'provider_unavailable';
}
