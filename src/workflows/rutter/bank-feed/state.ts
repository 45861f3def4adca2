import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { unexpectedReason, unreachable, type FeedState, type OperatorAction } from '../../../domain/feed.js';
import { dayMs } from '../../../domain/limits.js';
import { backoffMs } from '../../../domain/schedule.js';
import type { RunDeliveryResult } from '../../../activities/rutter/delivery/run-delivery.js';
import type { BankFeedCarried } from './messages.js';

/** What one run knows. All of it is plain; what must outlive the run goes through {@link carry}. */
export interface BankFeedState {
  feedState: FeedState;
  reason: string | null;
  customerId: string | null;
  closed: boolean;
  /** Postings were announced since the last delivery run began. */
  postingsWaiting: boolean;
  /** Facts in the row changed, or somebody asked for a sync: look whatever else is waited for. */
  checkNow: boolean;
  /** Read the account at Rutter with the next delivery run. */
  readAccount: boolean;
  requests: OperatorAction[];
  /** What the feed waits for: announced postings wake an idle feed only. */
  waitingFor: BankFeedCarried['waitingFor'];
  /** Epoch ms of the next delivery run that is due without any signal. */
  dueAtMs: number;
  lockTries: number;
  syncsDone: number;
  lastSyncedAtMs: number | null;
}

/** A blocked, paused or waiting feed is checked this often even if every signal was lost. */
export const blockedCheckMs = dayMs;

/** A feed's first run checks once; a renewed one goes on with what was waited for. */
export function initialState(carried: BankFeedCarried | undefined, nowMs: number): BankFeedState {
  return {
    feedState: carried?.feedState ?? 'created',
    reason: carried?.reason ?? null,
    customerId: null,
    closed: false,
    postingsWaiting: carried?.postingsWaiting ?? false,
    checkNow: carried === undefined,
    readAccount: carried?.readAccount ?? false,
    requests: [...(carried?.requests ?? [])],
    waitingFor: carried?.waitingFor ?? 'postings',
    dueAtMs: carried?.dueAtMs ?? nowMs,
    lockTries: 0,
    syncsDone: carried?.syncsDone ?? 0,
    lastSyncedAtMs: carried?.lastSyncedAtMs ?? null,
  };
}

/** What the next run must know. Nothing recorded by a handler may be lost here. */
export function carry(state: BankFeedState): BankFeedCarried {
  const { feedState, reason, postingsWaiting, readAccount, requests, waitingFor, dueAtMs, syncsDone } = state;
  return {
    feedState,
    reason,
    postingsWaiting,
    readAccount,
    requests,
    waitingFor,
    syncsDone,
    lastSyncedAtMs: state.lastSyncedAtMs,
    // A requested check is simply due.
    dueAtMs: state.checkNow ? 0 : dueAtMs,
  };
}

/** Whether a delivery run should begin now. */
export function isDeliveryRunDue(state: BankFeedState, nowMs: number): boolean {
  if (state.checkNow || nowMs >= state.dueAtMs) return true;
  return state.postingsWaiting && state.waitingFor === 'postings';
}

/** A delivery run begins: what it will read anyway is no longer pending. Answers whether it should read the account. */
export function beginDeliveryRun(state: BankFeedState, nowMs: number): { readAccount: boolean } {
  const daily = nowMs >= state.dueAtMs && state.waitingFor === 'postings' && state.syncsDone > 0;
  const readAccount = state.readAccount || daily;
  state.postingsWaiting = false;
  state.checkNow = false;
  state.readAccount = false;
  return { readAccount };
}

/** A delivery run has ended: sets what is waited for next. Every way through moves `dueAtMs` on. */
export function afterDeliveryRun(state: BankFeedState, result: RunDeliveryResult, nowMs: number): void {
  state.feedState = result.state;
  state.reason = result.reason;
  state.customerId = result.customerId;
  if (result.outcome !== 'lock_busy') state.lockTries = 0;
  state.closed = result.outcome === 'closed';
  switch (result.outcome) {
    case 'caught_up':
      state.waitingFor = 'postings';
      state.dueAtMs = result.nextSyncAtMs ?? nowMs + dayMs;
      state.lastSyncedAtMs = result.syncedAtMs ?? nowMs;
      state.syncsDone += 1;
      return;
    case 'more':
      state.waitingFor = 'deliveryRun';
      state.dueAtMs = nowMs;
      return;
    case 'lock_busy':
      state.waitingFor = 'lock';
      state.dueAtMs =
        nowMs +
        backoffMs({
          tries: state.lockTries,
          firstMs: deliveryLimits.lockWaitFirstMs,
          maxMs: deliveryLimits.lockWaitMaxMs,
        });
      state.lockTries += 1;
      return;
    case 'job_running':
    case 'retry_later':
      state.waitingFor = result.outcome === 'job_running' ? 'job' : 'retry';
      state.dueAtMs = nowMs + (result.waitMs ?? deliveryLimits.lockWaitMaxMs);
      return;
    case 'waiting':
      state.waitingFor = 'facts';
      state.dueAtMs = nowMs + blockedCheckMs;
      return;
    case 'closed':
      return;
    default:
      unreachable(result.outcome);
  }
}

/** The attempts of a delivery run have taken long enough (Rutter is away, say): the next delivery run begins, as after a full minute. */
export function afterUnfinishedDeliveryRun(state: BankFeedState, nowMs: number): void {
  state.waitingFor = 'deliveryRun';
  state.dueAtMs = nowMs;
}

/**
 * A delivery run failed for good, which no failure at Rutter or in the database makes it do: the feed waits for a person,
 * and is tried again now and then, instead of ending.
 */
export function afterFailedDeliveryRun(state: BankFeedState, nowMs: number): void {
  state.reason = unexpectedReason;
  state.waitingFor = 'facts';
  state.dueAtMs = nowMs + deliveryLimits.failedDeliveryRunCheckMs;
}

/** A request was done and the row shows it. */
export function afterRequest(
  state: BankFeedState,
  action: OperatorAction,
  row: { readonly state: FeedState; readonly reason: string | null },
): void {
  state.feedState = row.state;
  state.reason = row.reason;
  // Pausing must be seen by nobody but the next build; all others want the feed checked.
  if (action !== 'pause') state.checkNow = true;
  if (action === 'sync' || action === 'resume') state.readAccount = true;
}

const sentences: Record<FeedState, string> = {
  created: 'The account is being published at Rutter.',
  awaiting_activation: 'Waiting until the customer has chosen the account and a start date in Sage.',
  backfilling: 'Sending the history from the start date on.',
  syncing: 'Sending new postings.',
  live: 'Everything is delivered; new postings go out as they come.',
  paused: 'Paused by an operator. Postings are kept and go out after it is resumed.',
  reauth_required: 'Rutter refuses the connection until the customer re-authorises it. Postings are kept.',
  disconnected: 'The customer disconnected the account in Sage. Postings are kept.',
  closed: 'Closed. Sharing the account again reopens this feed.',
};

/** For the Temporal UI: what the feed is doing and why, without anything personal. */
export function describe(state: BankFeedState): string {
  const lines = [sentences[state.feedState]];
  if (state.reason !== null) lines.push(`Reason: ${state.reason}.`);
  if (state.waitingFor === 'lock') lines.push('Another feed of the connection is sending; taking turns.');
  if (state.waitingFor === 'job') lines.push('A job at Rutter is still running; polling it.');
  if (state.lastSyncedAtMs !== null)
    lines.push(`Last caught up ${new Date(state.lastSyncedAtMs).toISOString()}.`);
  if (!state.closed) lines.push(`Next check by ${new Date(state.dueAtMs).toISOString()} at the latest.`);
  return lines.join('\n');
}
