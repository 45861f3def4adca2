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
 * check is due or requested. A requested cancellation is stored in the row; it is done after everything was read, or could
 * not be read for `sageUnreadCancelAfterMs`. Message: `sageAccountCheckRequested`. Never fails: failures are stored in the
 * row and retried. Renews when the server suggests it or after 30 days; ends when the account is cancelled.
 */

/** Less urgent than any posting, backfills included: what is read here is at Sage already (5 is the lowest of 5). */
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
    const found = await checkAt(sageAccountId, Date.now() - waitingSinceMs);
    if (found === 'gone') return;
    if (found === 'unanswered') {
      dueAtMs = Date.now() + sageCheckAgainMs;
      continue;
    }
    if (found.status !== status) waitingSinceMs = Date.now();
    ({ status } = found);
    publish(found, found.status);
    if (found.status === 'cancelled') return;
    dueAtMs = found.hasMore ? Date.now() : Date.now() + found.nextCheckMs;
    if (!found.mustCancel) continue;
    const cancelled = await cancel(sageAccountId);
    if (cancelled === 'unanswered') dueAtMs = Date.now() + sageCheckAgainMs;
    else if (!cancelled.cancelled) dueAtMs = Date.now() + cancelled.nextCheckMs;
    else {
      publish(found, 'cancelled');
      return;
    }
  }
}

/** Exhausted attempts end nothing: the row has the failure, and the next check follows. */
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

/** Whether the row no longer exists. A cancelled run ends as cancelled; an error that is no activity's failure is a bug. */
function isGone(error: unknown): boolean {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  return error.cause instanceof ApplicationFailure && error.cause.type === failureTypes.obsolete;
}

/** Shows operators the account's state. An upsert is an event, so only changes are written. */
function publish(found: ReadSageAccountResult, status: SageAccountStatus): void {
  setCurrentDetails(describe(found, status));
  const known = workflowInfo().typedSearchAttributes;
  const state = feedState(sageFeedFacts(status));
  const changed = [];
  if (known.get(searchAttributes.feedState) !== state) {
    changed.push({ key: searchAttributes.feedState, value: state });
  }
  if ((known.get(searchAttributes.feedReason) ?? null) !== found.reason) {
    changed.push({ key: searchAttributes.feedReason, value: found.reason });
  }
  if (known.get(searchAttributes.customerId) !== found.customerId) {
    changed.push({ key: searchAttributes.customerId, value: found.customerId });
    changed.push({ key: searchAttributes.feedChannel, value: 'sage-banking' });
  }
  const shownMs = known.get(searchAttributes.lastSyncedAt)?.getTime() ?? 0;
  if (found.readAtMs !== null && found.readAtMs - shownMs > lastSyncedAtStepMs) {
    changed.push({ key: searchAttributes.lastSyncedAt, value: new Date(found.readAtMs) });
  }
  if (changed.length > 0) upsertSearchAttributes(changed);
}

function describe({ reason, hasMore }: ReadSageAccountResult, status: SageAccountStatus): string {
  if (reason !== null) return `Failing (${reason}); will check again.`;
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
