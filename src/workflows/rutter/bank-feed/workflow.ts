import { RetryState } from '@temporalio/common';
import {
  ActivityFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  log,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { RutterActivities } from '../../../activities/rutter/channel.js';
import type { RunDeliveryResult } from '../../../activities/rutter/delivery/run-delivery.js';
import { limits } from '../../../domain/limits.js';
import { asksForTry } from '../../../domain/rutter/transitions.js';
import { interactive } from '../../activity-options.js';
import { patches } from '../../patches.js';
import { deliveryRunOptions } from './delivery-run-options.js';
import { searchAttributes } from '../../search-attributes.js';
import * as messages from './messages.js';
import {
  afterDueTimer,
  afterFailedDeliveryRun,
  afterUnfinishedDeliveryRun,
  afterReport,
  afterRequest,
  afterDeliveryRun,
  beginDeliveryRun,
  carry,
  describe,
  initialState,
  isDeliveryRunDue,
} from './state.js';
import type { BankFeedState } from './state.js';

/*
 * One account published on one connection, for its whole life: awaiting activation, backfilling, live or blocked, until
 * it is closed. One loop: wait for a wake-up (signal or due time), then take the one next step. Messages: `postingsAvailable`, `factsChanged`, `pauseRequested`, `resumeRequested`, `syncRequested`,
 * `closeRequested`, `statusReported`; query `feedStatus`. Never fails: a failure is retried by the activities or blocks the feed in its
 * row. Renews when the server suggests it or after 30 days, so that old code drains; ends when the feed is closed.
 */

/** Live before backfill: a posting of today must not wait for the backfill of another feed (1 is the most urgent of 5). */
const livePriority = 2;
const backfillPriority = 4;

/** `LastSyncedAt` is for finding feeds that have not synced for hours; the row has the exact time. */
const lastSyncedAtStepMs = 60 * 60_000;

/** The server suggests a renewal at half of this: a longer history means that something prevents the renewal. */
const longHistoryEvents = 8_000;

/** A person waits for the result of a request, so requests do not queue up behind delivery runs. */
const database = proxyActivities<RutterActivities>(interactive.database);
const liveDeliveryRun = proxyActivities<RutterActivities>({
  ...deliveryRunOptions,
  priority: { priorityKey: livePriority },
});
const backfillDeliveryRun = proxyActivities<RutterActivities>({
  ...deliveryRunOptions,
  priority: { priorityKey: backfillPriority },
});

export async function bankFeedWorkflow(input: messages.BankFeedInput): Promise<void> {
  const startedAtMs = Date.now();
  const state = initialState(input.carried, startedAtMs);
  let deliveryRun: CurrentDeliveryRun | undefined;
  setHandlers(input, state, () => deliveryRun !== undefined);
  // A cancelled run ends as cancelled, and the repair job starts another: the rejection must not fail its last task.
  warnOfLongHistory(input.feedId).catch(() => undefined);

  for (let passes = 0; ; passes += 1) {
    publish(state);
    const nowMs = Date.now();
    if (deliveryRun !== undefined && isOver(deliveryRun)) {
      applyOutcome(deliveryRun, state, nowMs);
      deliveryRun = undefined;
    } else if (state.reported !== null) {
      applyReport(state);
    } else if (state.requests.length > 0) {
      const asksForTry = await applyNextRequest(input.feedId, state);
      if (asksForTry && deliveryRun !== undefined) giveUpRetry(deliveryRun, state);
    } else if (deliveryRun !== undefined) {
      const running = deliveryRun;
      await condition(() => isOver(running) || state.reported !== null || state.requests.length > 0);
    } else if (state.closed && !state.checkNow) {
      break;
    } else if (mustRenew(input, passes, startedAtMs)) {
      await renew(input, state);
    } else if (isDeliveryRunDue(state, nowMs)) {
      deliveryRun = startDelivery(input.feedId, state, nowMs);
    } else {
      const renewalMs = startedAtMs + limits.runAgeMaxMs;
      const untilMs = Math.min(state.dueAtMs, renewalMs);
      const mustAct = () => isDeliveryRunDue(state, 0) || state.requests.length > 0 || isRenewalSuggested();
      const isAwakened = await condition(mustAct, Math.max(1, untilMs - nowMs));
      if (!isAwakened && untilMs < renewalMs) afterDueTimer(state, Date.now());
    }
  }
}

function setHandlers(input: messages.BankFeedInput, state: BankFeedState, working: () => boolean): void {
  setHandler(messages.postingsAvailable, () => {
    state.postingsWaiting = true;
  });
  setHandler(messages.factsChanged, () => {
    state.checkNow = true;
  });
  setHandler(messages.pauseRequested, () => void state.requests.push('pause'));
  setHandler(messages.resumeRequested, () => void state.requests.push('resume'));
  setHandler(messages.syncRequested, () => void state.requests.push('sync'));
  setHandler(messages.closeRequested, () => void state.requests.push('close'));
  setHandler(messages.statusReported, (status) => {
    // A report that comes late, after the run has ended, is older than its result.
    if (working()) state.reported = status;
  });
  setHandler(messages.feedStatus, () => ({
    feedId: input.feedId,
    state: state.feedState,
    reason: state.reason,
    degraded: state.degraded,
    syncsDone: state.syncsDone,
    lastSyncedAt: state.lastSyncedAtMs === null ? null : new Date(state.lastSyncedAtMs).toISOString(),
    dueAt: new Date(state.dueAtMs).toISOString(),
    working: working(),
  }));
}

/** A condition without a time-out is no command: it is evaluated in every workflow task. */
async function warnOfLongHistory(feedId: string): Promise<void> {
  await condition(() => workflowInfo().historyLength >= longHistoryEvents);
  log.error('history is long', { feedId, events: workflowInfo().historyLength });
}

interface CurrentDeliveryRun {
  readonly scope: CancellationScope;
  result?: RunDeliveryResult;
  error?: unknown;
}

/** Starts a delivery run without waiting for it: operators' requests are applied while a batch is in flight. */
function startDelivery(feedId: string, state: BankFeedState, nowMs: number): CurrentDeliveryRun {
  const { readAccount } = beginDeliveryRun(state, nowMs);
  const queue = state.feedState === 'backfilling' ? backfillDeliveryRun : liveDeliveryRun;
  const scope = new CancellationScope();
  const deliveryRun: CurrentDeliveryRun = { scope };
  const shown = { reason: state.reason, cause: state.degraded?.cause ?? null };
  scope
    .run(() => queue.rutterRunDelivery({ feedId, readAccount, shown }))
    .then(
      (result) => {
        deliveryRun.result = result;
      },
      (error: unknown) => {
        deliveryRun.error = error;
      },
    );
  return deliveryRun;
}

function isOver(deliveryRun: CurrentDeliveryRun): boolean {
  return deliveryRun.result !== undefined || deliveryRun.error !== undefined;
}

/**
 * A request asks to try at once: the retry that a failing run waits for is given up for a new run. Older code, which may
 * have continued the history after a result of a newer activity, cancelled nothing.
 */
function giveUpRetry(deliveryRun: CurrentDeliveryRun, state: BankFeedState): void {
  if (state.degraded !== null && patched(patches.statusReported)) deliveryRun.scope.cancel();
}

/** The history of an older worker may hold reports too: there they were not applied, and change nothing in a replay. */
function applyReport(state: BankFeedState): void {
  const { reported } = state;
  state.reported = null;
  if (reported !== null && patched(patches.statusReported)) afterReport(state, reported);
}

function applyOutcome(deliveryRun: CurrentDeliveryRun, state: BankFeedState, nowMs: number): void {
  state.reported = null;
  if (deliveryRun.result !== undefined) afterDeliveryRun(state, deliveryRun.result, nowMs);
  else if (hasExhaustedAttempts(deliveryRun.error)) afterUnfinishedDeliveryRun(state, nowMs);
  else afterFailedDeliveryRun(state, nowMs);
}

function hasExhaustedAttempts(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  return isCancellation(error) || error.retryState !== RetryState.NON_RETRYABLE_FAILURE;
}

/** Answers whether the request asks to try at once what waits for its next attempt. */
async function applyNextRequest(feedId: string, state: BankFeedState): Promise<boolean> {
  const action = state.requests[0];
  if (action === undefined) return false;
  try {
    const row = await database.dbApplyFeedRequest({ feedId, action });
    afterRequest(state, action, row);
  } catch (error) {
    // A final failure means that the feed's row no longer exists, so no caller waits for a result.
    log.error('a request was dropped', { action, error: error instanceof Error ? error.name : 'unknown' });
  }
  state.requests.shift();
  return asksForTry(action);
}

function mustRenew(input: messages.BankFeedInput, passes: number, startedAtMs: number): boolean {
  if (isRenewalSuggested() || passes >= (input.passesMax ?? Infinity)) return true;
  return Date.now() - startedAtMs >= limits.runAgeMaxMs;
}

/** Checked in every wait too: signals alone, which do not wake a blocked feed, must not fill its history. */
function isRenewalSuggested(): boolean {
  return workflowInfo().continueAsNewSuggested;
}

async function renew(input: messages.BankFeedInput, state: BankFeedState): Promise<void> {
  await condition(allHandlersFinished);
  const { feedId, passesMax } = input;
  await continueAsNew<typeof bankFeedWorkflow>({
    feedId,
    carried: carry(state),
    ...(passesMax === undefined ? {} : { passesMax }),
  });
}

/** Shows operators the feed's state. An upsert is an event, so only changes are written. */
function publish(state: BankFeedState): void {
  setCurrentDetails(describe(state));
  if (state.customerId === null) return;
  const current = workflowInfo().typedSearchAttributes;
  const changed = [];
  if (current.get(searchAttributes.feedState) !== state.feedState) {
    changed.push({ key: searchAttributes.feedState, value: state.feedState });
  }
  if ((current.get(searchAttributes.feedReason) ?? null) !== state.reason) {
    changed.push({ key: searchAttributes.feedReason, value: state.reason });
  }
  if (current.get(searchAttributes.customerId) !== state.customerId) {
    changed.push({ key: searchAttributes.customerId, value: state.customerId });
    changed.push({ key: searchAttributes.feedChannel, value: 'rutter' });
  }
  const syncedAtMs = state.lastSyncedAtMs ?? 0;
  const shownMs = current.get(searchAttributes.lastSyncedAt)?.getTime() ?? 0;
  if (syncedAtMs - shownMs > lastSyncedAtStepMs) {
    changed.push({ key: searchAttributes.lastSyncedAt, value: new Date(syncedAtMs) });
  }
  if (changed.length > 0) upsertSearchAttributes(changed);
}
