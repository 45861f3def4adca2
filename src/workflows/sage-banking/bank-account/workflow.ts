import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { SageBankingActivities } from '../../../activities/sage-banking/channel.js';
import type { ReadSageAccountResult } from '../../../activities/sage-banking/account/read-account.js';
import { failureTypes } from '../../../domain/failures.js';
import { feedState } from '../../../domain/feed.js';
import { limits } from '../../../domain/limits.js';
import { sageFeedFacts, type SageAccountStatus } from '../../../domain/sage-banking/states.js';
import { sageCheckAgainMs } from '../../../domain/sage-banking/account-limits.js';
import { deliver } from '../../activity-options.js';
import { searchAttributes } from '../../search-attributes.js';
import { sageAccountCheckRequested, type SageBankAccountInput } from './messages.js';

/*
 * One bank account at Sage's Banking Service for its whole life: pending, active, waiting for a new authorisation, and
 * active again, until it is cancelled, by us or at Sage's side. One loop: read what is there, then wait until the next
 * look is due or somebody wake-ups. A cancellation that was asked for stands in the row; it comes after everything was
 * read, or could not be for `sageUnreadCancelAfterMs`. Message: `sageAccountCheckRequested`. Never fails: failures stand in the row and are tried again. Renews when the server
 * suggests it or after 30 days; ends when the account is cancelled.
 */

/** After postings, somebody's past among them: what is read here is at Sage already (5 is the least urgent of 5). */
const checkPriority = 5;

const { sageReadAccount } = proxyActivities<SageBankingActivities>({
  ...deliver.sageCheck,
  priority: { priorityKey: checkPriority },
});
/** A customer has asked us to stop. */
const { sageCancelAccount } = proxyActivities<SageBankingActivities>(deliver.sageCheck);

/** `LastSyncedAt` is for finding accounts that have not been read for hours; the row has the exact time. */
const lastSyncedAtStepMs = 60 * 60_000;

export async function sageBankAccountWorkflow(input: SageBankAccountInput): Promise<void> {
  const { sageAccountId, carried } = input;
  const startedAtMs = Date.now();
  let waitingSinceMs = carried?.waitingSinceMs ?? startedAtMs;
  let status = carried?.status ?? null;
  let dueAtMs = carried?.dueAtMs ?? startedAtMs;
  let woken = false;
  setHandler(sageAccountCheckRequested, () => {
    woken = true;
    waitingSinceMs = Date.now();
  });
  const isCheckRequested = () => woken;

  for (;;) {
    if (!isCheckRequested() && dueAtMs > Date.now()) {
      await condition(() => woken || workflowInfo().continueAsNewSuggested, dueAtMs - Date.now());
    }
    if (workflowInfo().continueAsNewSuggested || Date.now() - startedAtMs >= limits.runAgeMaxMs) {
      await condition(allHandlersFinished);
      const nextCheckMs = isCheckRequested() ? startedAtMs : dueAtMs;
      await continueAsNew<typeof sageBankAccountWorkflow>({
        sageAccountId,
        carried: { waitingSinceMs, status, dueAtMs: nextCheckMs },
      });
    }
    woken = false;
    const look = await checkAt(sageAccountId, Date.now() - waitingSinceMs);
    if (look === 'gone') return;
    if (look === 'unanswered') {
      dueAtMs = Date.now() + sageCheckAgainMs;
      continue;
    }
    if (look.status !== status) waitingSinceMs = Date.now();
    ({ status } = look);
    publish(look, look.status);
    if (look.status === 'cancelled') return;
    dueAtMs = look.hasMore ? Date.now() : Date.now() + look.nextCheckMs;
    if (!look.mustCancel) continue;
    const cancelled = await cancel(sageAccountId);
    if (cancelled === 'unanswered') dueAtMs = Date.now() + sageCheckAgainMs;
    else if (!cancelled.cancelled) dueAtMs = Date.now() + cancelled.nextCheckMs;
    else {
      publish(look, 'cancelled');
      return;
    }
  }
}

/** Tries that are spent are no end: the row has the failure, and the next check follows. */
async function checkAt(
  sageAccountId: string,
  waitedMs: number,
): Promise<ReadSageAccountResult | 'gone' | 'unanswered'> {
  try {
    return await sageReadAccount({ sageAccountId, waitedMs });
  } catch (error) {
    return isGone(error) ? 'gone' : 'unanswered';
  }
}

async function cancel(
  sageAccountId: string,
): Promise<{ cancelled: boolean; nextCheckMs: number } | 'unanswered'> {
  try {
    return await sageCancelAccount({ sageAccountId });
  } catch (error) {
    return isGone(error) ? { cancelled: true, nextCheckMs: 0 } : 'unanswered';
  }
}

/** Whether the row itself is gone. A cancelled run ends as cancelled; what is no activity's failure is a bug. */
function isGone(error: unknown): boolean {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  return error.cause instanceof ApplicationFailure && error.cause.type === failureTypes.obsolete;
}

/** Shows operators where the account stands. An upsert is an event, so only what changed is written. */
function publish(look: ReadSageAccountResult, status: SageAccountStatus): void {
  setCurrentDetails(describe(look, status));
  const known = workflowInfo().typedSearchAttributes;
  const state = feedState(sageFeedFacts(status));
  const changed = [];
  if (known.get(searchAttributes.feedState) !== state) {
    changed.push({ key: searchAttributes.feedState, value: state });
  }
  if ((known.get(searchAttributes.feedReason) ?? null) !== look.reason) {
    changed.push({ key: searchAttributes.feedReason, value: look.reason });
  }
  if (known.get(searchAttributes.customerId) !== look.customerId) {
    changed.push({ key: searchAttributes.customerId, value: look.customerId });
    changed.push({ key: searchAttributes.feedChannel, value: 'sage-banking' });
  }
  const shownMs = known.get(searchAttributes.lastSyncedAt)?.getTime() ?? 0;
  if (look.readAtMs !== null && look.readAtMs - shownMs > lastSyncedAtStepMs) {
    changed.push({ key: searchAttributes.lastSyncedAt, value: new Date(look.readAtMs) });
  }
  if (changed.length > 0) upsertSearchAttributes(changed);
}

function describe({ reason, hasMore }: ReadSageAccountResult, status: SageAccountStatus): string {
  if (reason !== null) return `Failing (${reason}); looking again.`;
  if (hasMore) return 'Reading transactions.';
  switch (status) {
    case 'pending':
      return 'Waiting for the bank’s first transactions.';
    case 'active':
      return 'Everything is read; waiting for the next check.';
    case 'authRequired':
      return 'Waiting for the customer to authorise the account again.';
    case 'cancelled':
      return 'The account is cancelled.';
  }
}
