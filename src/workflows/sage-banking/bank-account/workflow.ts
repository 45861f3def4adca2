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
 * One bank account at Sage's Banking Service for its whole life: pending, active, waiting for a new authorization, and
 * active again, until it is cancelled, by us or by Sage. One loop: read the account and its new transactions, then wait until
 * the next check is due or requested. A requested cancellation is stored in the row; it is carried out after everything was
 * read, or after reading has failed for `sageUnreadCancelAfterMs`. Message: `sageAccountCheckRequested`. Never fails: failures are stored in the
 * row and retried. Renews when the server suggests it or after 30 days; ends when the account is cancelled.
 */

/** Less urgent than any posting, backfills included: the transactions read here are at Sage already (5 is the lowest of 5). */
const checkPriority = 5;

const { sageReadAccount } = proxyActivities<SageBankingActivities>({
  ...deliver.sageCheck,
  priority: { priorityKey: checkPriority },
});
/** The customer or an operator requested the end. */
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
    const check = await readAccount(sageAccountId, Date.now() - waitingSinceMs);
    if (check === 'gone') return;
    if (check === 'unanswered') {
      dueAtMs = Date.now() + sageCheckAgainMs;
      continue;
    }
    if (check.status !== status) waitingSinceMs = Date.now();
    ({ status } = check);
    publish(check, check.status);
    if (check.status === 'cancelled') return;
    dueAtMs = check.hasMore ? Date.now() : Date.now() + check.nextCheckMs;
    if (!check.mustCancel) continue;
    const cancelled = await cancel(sageAccountId);
    if (cancelled === 'unanswered') dueAtMs = Date.now() + sageCheckAgainMs;
    else if (!cancelled.cancelled) dueAtMs = Date.now() + cancelled.nextCheckMs;
    else {
      publish(check, 'cancelled');
      return;
    }
  }
}

/** Exhausted attempts do not end the workflow: the row has the failure, and the next check follows. */
async function readAccount(
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

/** Whether the row no longer exists. A cancelled run ends as cancelled; an error that is not an activity's failure is a bug. */
function isGone(error: unknown): boolean {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  return error.cause instanceof ApplicationFailure && error.cause.type === failureTypes.obsolete;
}

/** Shows operators the account's state. An upsert is an event, so only changes are written. */
function publish(check: ReadSageAccountResult, status: SageAccountStatus): void {
  setCurrentDetails(describe(check, status));
  const current = workflowInfo().typedSearchAttributes;
  const state = feedState(sageFeedFacts(status));
  const changed = [];
  if (current.get(searchAttributes.feedState) !== state) {
    changed.push({ key: searchAttributes.feedState, value: state });
  }
  if ((current.get(searchAttributes.feedReason) ?? null) !== check.reason) {
    changed.push({ key: searchAttributes.feedReason, value: check.reason });
  }
  if (current.get(searchAttributes.customerId) !== check.customerId) {
    changed.push({ key: searchAttributes.customerId, value: check.customerId });
    changed.push({ key: searchAttributes.feedChannel, value: 'sage-banking' });
  }
  const shownMs = current.get(searchAttributes.lastSyncedAt)?.getTime() ?? 0;
  if (check.readAtMs !== null && check.readAtMs - shownMs > lastSyncedAtStepMs) {
    changed.push({ key: searchAttributes.lastSyncedAt, value: new Date(check.readAtMs) });
  }
  if (changed.length > 0) upsertSearchAttributes(changed);
}

function describe({ reason, hasMore }: ReadSageAccountResult, status: SageAccountStatus): string {
  if (reason !== null) return `Failing (${reason}); will check again.`;
  if (hasMore) return 'Reading transactions.';
  switch (status) {
    case 'pending':
      return 'Waiting for the first transactions of the bank.';
    case 'active':
      return 'Everything is read; waiting for the next check.';
    case 'authRequired':
      return 'Waiting for the customer to re-authorize the account.';
    case 'cancelled':
      return 'The account is cancelled.';
  }
}
