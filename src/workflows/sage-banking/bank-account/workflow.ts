import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { SageBankingActivities } from '../../../activities/sage-banking/channel.js';
import type { ReadSageAccountResult } from '../../../activities/sage-banking/account/read-account.js';
import { failureTypes } from '../../../domain/failures.js';
import { feedState, type FeedState } from '../../../domain/feed.js';
import type { Degraded, ReportedStatus } from '../../../domain/feed-status.js';
import { limits } from '../../../domain/limits.js';
import { sageFeedFacts, type SageAccountStatus } from '../../../domain/sage-banking/states.js';
import { sageCheckAgainMs } from '../../../domain/sage-banking/account-limits.js';
import { deliver } from '../../activity-options.js';
import { patches } from '../../patches.js';
import { searchAttributes } from '../../search-attributes.js';
import {
  sageAccountCheckRequested,
  sageAccountStatusReported,
  type SageBankAccountCarried,
  type SageBankAccountInput,
} from './messages.js';

/*
 * One bank account at Sage's Banking Service for its whole life: pending, active, waiting for a new authorization, and
 * active again, until it is cancelled, by us or by Sage. One loop: read the account and its new transactions, then wait until
 * the next check is due or requested. A requested cancellation is stored in the row; it is carried out after everything was
 * read, or after reading has failed for `sageUnreadCancelAfterMs`. Messages: `sageAccountCheckRequested`, `sageAccountStatusReported`. Never fails: failures are stored in the
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

/** The state of one run: what is shown, and what the handlers have recorded. */
interface AccountState {
  waitingSinceMs: number;
  /** Epoch ms of the next check. */
  dueAtMs: number;
  /** A check was requested. */
  woken: boolean;
  status: SageAccountStatus | null;
  /** Null before the first result or report. */
  feedState: FeedState | null;
  reason: string | null;
  degraded: Degraded | null;
  /** Null as long as `feedState` is. */
  customerId: string | null;
  /** What the check under way has reported and the loop has not applied yet. */
  reported: ReportedStatus | null;
}

export async function sageBankAccountWorkflow(input: SageBankAccountInput): Promise<void> {
  const { sageAccountId, carried } = input;
  const startedAtMs = Date.now();
  const state: AccountState = {
    waitingSinceMs: carried?.waitingSinceMs ?? startedAtMs,
    dueAtMs: carried?.dueAtMs ?? startedAtMs,
    woken: false,
    status: (carried?.status ?? null) as SageAccountStatus | null,
    feedState: null,
    reason: carried?.reason ?? null,
    degraded: carried?.degraded ?? null,
    customerId: null,
    reported: null,
  };
  setHandlers(state);

  for (;;) {
    if (!state.woken && state.dueAtMs > Date.now()) {
      await condition(() => state.woken || workflowInfo().continueAsNewSuggested, state.dueAtMs - Date.now());
    }
    if (workflowInfo().continueAsNewSuggested || Date.now() - startedAtMs >= limits.runAgeMaxMs) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof sageBankAccountWorkflow>({
        sageAccountId,
        carried: carry(state, startedAtMs),
      });
    }
    state.woken = false;
    const check = await readAccount(sageAccountId, state);
    if (check === 'gone') return;
    if (check === 'unanswered') {
      state.dueAtMs = Date.now() + sageCheckAgainMs;
      continue;
    }
    if (check.status !== state.status) state.waitingSinceMs = Date.now();
    ({ status: state.status, reason: state.reason } = check);
    state.degraded = check.degraded ?? null;
    state.customerId = check.customerId;
    state.feedState = feedState(sageFeedFacts(check.status));
    publish(state, check);
    if (check.status === 'cancelled') return;
    state.dueAtMs = check.hasMore ? Date.now() : Date.now() + check.nextCheckMs;
    if (!check.mustCancel) continue;
    const cancelled = await cancel(sageAccountId, state);
    if (cancelled === 'unanswered') state.dueAtMs = Date.now() + sageCheckAgainMs;
    else if (!cancelled.cancelled) state.dueAtMs = Date.now() + cancelled.nextCheckMs;
    else {
      state.status = 'cancelled';
      state.feedState = feedState(sageFeedFacts('cancelled'));
      publish(state, check);
      return;
    }
  }
}

function setHandlers(state: AccountState): void {
  setHandler(sageAccountCheckRequested, () => {
    state.woken = true;
    state.waitingSinceMs = Date.now();
  });
  setHandler(sageAccountStatusReported, (status) => {
    state.reported = status;
  });
}

function carry(state: AccountState, startedAtMs: number): SageBankAccountCarried {
  const { waitingSinceMs, status, reason, degraded, woken, dueAtMs } = state;
  return { waitingSinceMs, status, reason, degraded, dueAtMs: woken ? startedAtMs : dueAtMs };
}

/** Exhausted attempts do not end the workflow: the row has the failure, and the next check follows. */
async function readAccount(
  sageAccountId: string,
  state: AccountState,
): Promise<ReadSageAccountResult | 'gone' | 'unanswered'> {
  const shown = { reason: state.reason, cause: state.degraded?.cause ?? null };
  const waitedMs = Date.now() - state.waitingSinceMs;
  try {
    return await whileReporting(state, () => sageReadAccount({ sageAccountId, waitedMs, shown }));
  } catch (error) {
    if (isGivenUp(error)) return 'unanswered';
    return isGone(error) ? 'gone' : 'unanswered';
  }
}

async function cancel(
  sageAccountId: string,
  state: AccountState,
): Promise<{ cancelled: boolean; nextCheckMs: number } | 'unanswered'> {
  try {
    return await whileReporting(state, () => sageCancelAccount({ sageAccountId }));
  } catch (error) {
    if (isGivenUp(error)) return 'unanswered';
    return isGone(error) ? { cancelled: true, nextCheckMs: 0 } : 'unanswered';
  }
}

/**
 * The result of an activity. What it reports meanwhile is shown at once, and a requested check gives up the retry that a
 * failing one waits for.
 */
async function whileReporting<Result>(state: AccountState, start: () => Promise<Result>): Promise<Result> {
  const scope = new CancellationScope();
  state.reported = null;
  const check = { isOver: false, isGivenUp: false };
  const running = scope.run(start).finally(() => {
    check.isOver = true;
  });
  const isAskedForTry = () =>
    state.woken && state.degraded !== null && !check.isGivenUp && !scope.consideredCancelled;
  // Handled below; meanwhile it must not count as unhandled.
  running.catch(() => undefined);
  for (;;) {
    // Cancelled itself, the workflow waits for the end of the activity, as for any other.
    await CancellationScope.nonCancellable(() =>
      condition(() => check.isOver || state.reported !== null || isAskedForTry()),
    );
    if (check.isOver) return await running;
    applyReport(state);
    if (!isAskedForTry()) continue;
    check.isGivenUp = true;
    // Older code, which may have continued the history after a result of a newer activity, cancelled nothing.
    if (patched(patches.statusReported)) scope.cancel();
  }
}

/** The history of an older worker may hold reports too: there they were not applied, and change nothing in a replay. */
function applyReport(state: AccountState): void {
  const { reported } = state;
  state.reported = null;
  if (reported === null || !patched(patches.statusReported)) return;
  state.reason = reported.reason;
  state.degraded = reported.degraded;
  state.customerId = reported.customerId;
  state.feedState = reported.state;
  publish(state, null);
}

/** The retry was given up for the check that follows at once; the workflow itself is not cancelled. */
function isGivenUp(error: unknown): boolean {
  return isCancellation(error) && !CancellationScope.current().consideredCancelled;
}

/** Whether the row no longer exists. A cancelled run ends as cancelled; an error that is not an activity's failure is a bug. */
function isGone(error: unknown): boolean {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  return error.cause instanceof ApplicationFailure && error.cause.type === failureTypes.obsolete;
}

/** Shows operators the account's state. An upsert is an event, so only changes are written. `check`: null during one. */
function publish(state: AccountState, check: ReadSageAccountResult | null): void {
  const { reason, customerId } = state;
  setCurrentDetails(describe(state, check));
  const current = workflowInfo().typedSearchAttributes;
  const changed = [];
  if (current.get(searchAttributes.feedState) !== state.feedState) {
    changed.push({ key: searchAttributes.feedState, value: state.feedState });
  }
  if ((current.get(searchAttributes.feedReason) ?? null) !== reason) {
    changed.push({ key: searchAttributes.feedReason, value: reason });
  }
  if (current.get(searchAttributes.customerId) !== customerId) {
    changed.push({ key: searchAttributes.customerId, value: customerId });
    changed.push({ key: searchAttributes.feedChannel, value: 'sage-banking' });
  }
  const shownMs = current.get(searchAttributes.lastSyncedAt)?.getTime() ?? 0;
  if (check !== null && check.readAtMs !== null && check.readAtMs - shownMs > lastSyncedAtStepMs) {
    changed.push({ key: searchAttributes.lastSyncedAt, value: new Date(check.readAtMs) });
  }
  if (changed.length > 0) upsertSearchAttributes(changed);
}

function describe({ status, reason, degraded }: AccountState, check: ReadSageAccountResult | null): string {
  if (degraded !== null) {
    const { since, cause } = degraded;
    return `Sage cannot be read at the moment; it is retried.\nReason: ${reason ?? cause}.\nDegraded since ${since}: ${cause}.`;
  }
  if (reason !== null) return `Blocked (${reason}): a person must act; it is checked again.`;
  if (check?.hasMore === true) return 'Reading transactions.';
  switch (status) {
    case 'pending':
      return 'Waiting for the first transactions of the bank.';
    case 'active':
      return 'Everything is read; waiting for the next check.';
    case 'authRequired':
      return 'Waiting for the customer to re-authorize the account.';
    case 'cancelled':
      return 'The account is cancelled.';
    case null:
      return 'Reading the account for the first time.';
  }
}
