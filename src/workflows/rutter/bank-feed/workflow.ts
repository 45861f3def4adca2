import { RetryState } from '@temporalio/common';
import {
  ActivityFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../../../activities/index.js';
import type { DeliverSliceResult } from '../../../activities/rutter/delivery/run-delivery.js';
import { limits } from '../../../domain/limits.js';
import { deliver, interactive } from '../../activity-options.js';
import { searchAttributes } from '../../search-attributes.js';
import * as messages from './messages.js';
import {
  afterFailedSlice,
  afterUnfinishedSlice,
  afterRequest,
  afterSlice,
  beginSlice,
  carry,
  describe,
  initialState,
  isSliceDue,
} from './state.js';
import type { BankFeedState } from './state.js';

/*
 * One account published on one connection, for its whole life: awaiting activation, backfilling, live, parked for
 * whatever reason, until it is closed. One loop: wait for a wake-up (signal or due time), then do the single next
 * thing. Messages: `postingsAvailable`, `factsChanged`, `pauseRequested`, `resumeRequested`, `syncRequested`,
 * `closeRequested`; query `feedStatus`. Never fails: trouble is retried by the activities or parks the feed in its
 * row. Renews when the server suggests it or after 30 days, so that old code drains; ends when the feed is closed.
 */

/** Live before backfill: a posting of today must not wait behind somebody's past (1 is the most urgent of 5). */
const livePriority = 2;
const backfillPriority = 4;

/** `LastSyncedAt` is for finding feeds that have not synced for hours; the row has the exact time. */
const lastSyncedAtStepMs = 60 * 60_000;

/** Renewal is asked for at half of this: so long a history means that something keeps it from being renewed. */
const longHistoryEvents = 8_000;

/** People wait for their requests, so these do not queue up behind slices. */
const database = proxyActivities<Activities>(interactive.database);
const liveSlice = proxyActivities<Activities>({ ...deliver.slice, priority: { priorityKey: livePriority } });
const backfillSlice = proxyActivities<Activities>({
  ...deliver.slice,
  priority: { priorityKey: backfillPriority },
});

export async function bankFeedWorkflow(input: messages.BankFeedInput): Promise<void> {
  const startedAtMs = Date.now();
  const state = initialState(input.carried, startedAtMs);
  let slice: { result?: DeliverSliceResult; error?: unknown } | undefined;
  setHandlers(input, state, () => slice !== undefined);
  // A cancelled run ends as cancelled, and the sweep begins another: nothing here may fail its last task.
  tellOfLongHistory(input.feedId).catch(() => undefined);

  for (let passes = 0; ; passes += 1) {
    publish(state);
    const nowMs = Date.now();
    if (slice !== undefined && isOver(slice)) {
      takeIn(slice, state, nowMs);
      slice = undefined;
    } else if (state.requests.length > 0) {
      await applyNextRequest(input.feedId, state);
    } else if (slice !== undefined) {
      const running = slice;
      await condition(() => isOver(running) || state.requests.length > 0);
    } else if (state.closed && !state.lookNow) {
      break;
    } else if (mustRenew(input, passes, startedAtMs)) {
      await renew(input, state);
    } else if (isSliceDue(state, nowMs)) {
      slice = startSlice(input.feedId, state, nowMs);
    } else {
      const untilMs = Math.min(state.dueAtMs, startedAtMs + limits.runAgeMaxMs);
      const mustAct = () => isSliceDue(state, 0) || state.requests.length > 0 || isRenewalSuggested();
      await condition(mustAct, Math.max(1, untilMs - nowMs));
    }
  }
}

function setHandlers(input: messages.BankFeedInput, state: BankFeedState, working: () => boolean): void {
  setHandler(messages.postingsAvailable, () => {
    state.postingsWaiting = true;
  });
  setHandler(messages.factsChanged, () => {
    state.lookNow = true;
  });
  setHandler(messages.pauseRequested, () => void state.requests.push('pause'));
  setHandler(messages.resumeRequested, () => void state.requests.push('resume'));
  setHandler(messages.syncRequested, () => void state.requests.push('sync'));
  setHandler(messages.closeRequested, () => void state.requests.push('close'));
  setHandler(messages.feedStatus, () => ({
    feedId: input.feedId,
    state: state.feedState,
    reason: state.reason,
    syncsDone: state.syncsDone,
    lastSyncedAt: state.lastSyncedAtMs === null ? null : new Date(state.lastSyncedAtMs).toISOString(),
    dueAt: new Date(state.dueAtMs).toISOString(),
    working: working(),
  }));
}

/** A condition without a time-out is no command: it is looked at whenever the workflow is awake. */
async function tellOfLongHistory(feedId: string): Promise<void> {
  await condition(() => workflowInfo().historyLength >= longHistoryEvents);
  log.error('history is long', { feedId, events: workflowInfo().historyLength });
}

interface RunningSlice {
  result?: DeliverSliceResult;
  error?: unknown;
}

/** Starts a slice without waiting for it: operators' requests are done while a batch is in flight. */
function startSlice(feedId: string, state: BankFeedState, nowMs: number): RunningSlice {
  const { readAccount } = beginSlice(state, nowMs);
  const queue = state.feedState === 'backfilling' ? backfillSlice : liveSlice;
  const slice: RunningSlice = {};
  queue.rutterDeliverSlice({ feedId, readAccount }).then(
    (result) => {
      slice.result = result;
    },
    (error: unknown) => {
      slice.error = error;
    },
  );
  return slice;
}

function isOver(slice: RunningSlice): boolean {
  return slice.result !== undefined || slice.error !== undefined;
}

function takeIn(slice: RunningSlice, state: BankFeedState, nowMs: number): void {
  if (slice.result !== undefined) afterSlice(state, slice.result, nowMs);
  else if (isOutOfTries(slice.error)) afterUnfinishedSlice(state, nowMs);
  else afterFailedSlice(state, nowMs);
}

function isOutOfTries(error: unknown): boolean {
  return error instanceof ActivityFailure && error.retryState !== RetryState.NON_RETRYABLE_FAILURE;
}

async function applyNextRequest(feedId: string, state: BankFeedState): Promise<void> {
  const action = state.requests[0];
  if (action === undefined) return;
  try {
    const row = await database.dbApplyFeedRequest({ feedId, action });
    afterRequest(state, action, row);
  } catch (error) {
    // Only a feed that is gone makes it fail for good, and then nobody waits for an answer.
    log.error('a request was dropped', { action, error: error instanceof Error ? error.name : 'unknown' });
  }
  state.requests.shift();
}

function mustRenew(input: messages.BankFeedInput, passes: number, startedAtMs: number): boolean {
  if (isRenewalSuggested() || passes >= (input.passesMax ?? Infinity)) return true;
  return Date.now() - startedAtMs >= limits.runAgeMaxMs;
}

/** The server's word: signals alone, that wake a parked feed for nothing, must not fill its history either. */
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

/** Shows operators where the feed stands. An upsert is an event, so only what changed is written. */
function publish(state: BankFeedState): void {
  setCurrentDetails(describe(state));
  if (state.customerId === null) return;
  const known = workflowInfo().typedSearchAttributes;
  const changed = [];
  if (known.get(searchAttributes.feedState) !== state.feedState) {
    changed.push({ key: searchAttributes.feedState, value: state.feedState });
  }
  if ((known.get(searchAttributes.feedReason) ?? null) !== state.reason) {
    changed.push({ key: searchAttributes.feedReason, value: state.reason });
  }
  if (known.get(searchAttributes.customerId) !== state.customerId) {
    changed.push({ key: searchAttributes.customerId, value: state.customerId });
    changed.push({ key: searchAttributes.feedChannel, value: 'rutter' });
  }
  const syncedAtMs = state.lastSyncedAtMs ?? 0;
  const shownMs = known.get(searchAttributes.lastSyncedAt)?.getTime() ?? 0;
  if (syncedAtMs - shownMs > lastSyncedAtStepMs) {
    changed.push({ key: searchAttributes.lastSyncedAt, value: new Date(syncedAtMs) });
  }
  if (changed.length > 0) upsertSearchAttributes(changed);
}
