import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { unexpectedReason, unreachable, type FeedState, type OperatorAction } from '../../../domain/feed.js';
import type { Degraded, FeedStatus, ReportedStatus } from '../../../domain/feed-status.js';
import { sendingStates } from '../../../domain/rutter/feed.js';
import { dayMs } from '../../../domain/limits.js';
import { backoffMs } from '../../../domain/schedule.js';
import type { RunDeliveryResult } from '../../../activities/rutter/delivery/run-delivery.js';
import type { BankFeedCarried } from './messages.js';

/** The state of one run: plain JSON. {@link carry} selects what the next run receives. */
export interface BankFeedState {
  feedState: FeedState;
  reason: string | null;
  degraded: Degraded | null;
  /** What the delivery run under way has reported and the loop has not applied yet. */
  reported: ReportedStatus | null;
  customerId: string | null;
  closed: boolean;
  /** `postingsAvailable` was received since the last delivery run began. */
  postingsWaiting: boolean;
  /** Facts in the row changed, or a sync was requested: check now, whatever the feed waits for. */
  checkNow: boolean;
  /** Read the account at Rutter with the next delivery run. */
  readAccount: boolean;
  requests: OperatorAction[];
  /** What the feed waits for: new postings wake an idle feed only. */
  waitingFor: BankFeedCarried['waitingFor'];
  /** Epoch ms of the next delivery run that is due without any signal. */
  dueAtMs: number;
  lockAttempts: number;
  syncsDone: number;
  lastSyncedAtMs: number | null;
}

/** A blocked, paused or waiting feed is checked this often even if every signal was lost. */
export const blockedCheckMs = dayMs;

/** The first run of a feed checks once; a renewed run continues to wait as the previous one did. */
export function initialState(carried: BankFeedCarried | undefined, nowMs: number): BankFeedState {
  return {
    feedState: carried?.feedState ?? 'created',
    reason: carried?.reason ?? null,
    degraded: carried?.degraded ?? null,
    reported: null,
    customerId: null,
    closed: false,
    postingsWaiting: carried?.postingsWaiting ?? false,
    checkNow: carried === undefined,
    readAccount: carried?.readAccount ?? false,
    requests: [...(carried?.requests ?? [])],
    waitingFor: carried?.waitingFor ?? 'postings',
    dueAtMs: carried?.dueAtMs ?? nowMs,
    lockAttempts: 0,
    syncsDone: carried?.syncsDone ?? 0,
    lastSyncedAtMs: carried?.lastSyncedAtMs ?? null,
  };
}

/** The state for the next run. Nothing that a handler recorded may be lost here. */
export function carry(state: BankFeedState): BankFeedCarried {
  return {
    feedState: state.feedState,
    reason: state.reason,
    degraded: state.degraded,
    postingsWaiting: state.postingsWaiting,
    readAccount: state.readAccount,
    requests: state.requests,
    waitingFor: state.waitingFor,
    syncsDone: state.syncsDone,
    lastSyncedAtMs: state.lastSyncedAtMs,
    // A requested check is due at once.
    dueAtMs: state.checkNow ? 0 : state.dueAtMs,
  };
}

/** Whether a delivery run should begin now. */
export function isDeliveryRunDue(state: BankFeedState, nowMs: number): boolean {
  if (state.checkNow || nowMs >= state.dueAtMs) return true;
  return state.postingsWaiting && state.waitingFor === 'postings';
}

/** A delivery run begins: it reads the waiting postings, so they are no longer pending. Returns whether it reads the account. */
export function beginDeliveryRun(state: BankFeedState, nowMs: number): { readAccount: boolean } {
  const daily = nowMs >= state.dueAtMs && state.waitingFor === 'postings' && state.syncsDone > 0;
  const readAccount = state.readAccount || daily;
  state.postingsWaiting = false;
  state.checkNow = false;
  state.readAccount = false;
  return { readAccount };
}

/**
 * The timer of the wait has fired, which ends the wait whatever instant this code reckons: version 0.2.0 set it by the
 * database's clock, which may be some milliseconds earlier, and a replay must begin the delivery run that followed.
 */
export function afterDueTimer(state: BankFeedState, nowMs: number): void {
  state.dueAtMs = Math.min(state.dueAtMs, nowMs);
}

/** A delivery run has ended: sets what the feed waits for next. Every branch moves `dueAtMs` forward. */
export function afterDeliveryRun(state: BankFeedState, result: RunDeliveryResult, nowMs: number): void {
  state.feedState = result.state;
  state.reason = result.reason;
  state.degraded = result.degraded ?? null;
  state.customerId = result.customerId;
  if (result.outcome !== 'lock_busy') state.lockAttempts = 0;
  state.closed = result.outcome === 'closed';
  switch (result.outcome) {
    case 'caught_up':
      state.waitingFor = 'postings';
      // A wait, not the instant by the database's clock: that of Temporal may differ, and an instant that has passed would
      // begin the next delivery run at once, again and again. Results of version 0.2.0 have the instant only.
      state.dueAtMs =
        result.nextSyncInMs === undefined
          ? (result.nextSyncAtMs ?? nowMs + dayMs)
          : nowMs + result.nextSyncInMs;
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
          tries: state.lockAttempts,
          firstMs: deliveryLimits.lockWaitFirstMs,
          maxMs: deliveryLimits.lockWaitMaxMs,
        });
      state.lockAttempts += 1;
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

/** The attempts of a delivery run used up their time (in an outage of Rutter, for example): the next one begins. */
export function afterUnfinishedDeliveryRun(state: BankFeedState, nowMs: number): void {
  state.waitingFor = 'deliveryRun';
  state.dueAtMs = nowMs;
}

/**
 * A delivery run failed with a final failure, which neither Rutter nor the database causes: instead of ending, the feed
 * waits for an operator and checks again at long intervals.
 */
export function afterFailedDeliveryRun(state: BankFeedState, nowMs: number): void {
  // What the run reported says more.
  if (state.degraded === null) state.reason = unexpectedReason;
  state.waitingFor = 'facts';
  state.dueAtMs = nowMs + deliveryLimits.failedDeliveryRunCheckMs;
}

/** The delivery run under way has reported its feed's status. */
export function afterReport(state: BankFeedState, reported: ReportedStatus): void {
  state.feedState = reported.state;
  state.customerId = reported.customerId;
  state.reason = reported.reason;
  state.degraded = reported.degraded;
}

/** A request was applied and the row shows it. */
export function afterRequest(
  state: BankFeedState,
  action: OperatorAction,
  row: Pick<FeedStatus, 'state' | 'reason'> & { readonly degraded?: Degraded | null },
): void {
  state.feedState = row.state;
  state.reason = row.reason;
  state.degraded = row.degraded ?? null;
  // Only the next batch must notice a pause; after all other requests the feed is checked.
  if (action !== 'pause') state.checkNow = true;
  if (action === 'sync' || action === 'resume') state.readAccount = true;
}

const sentences: Record<FeedState, string> = {
  created: 'The account is being published at Rutter.',
  awaiting_activation: 'Waiting for the customer to choose the account and a start date in Sage.',
  backfilling: 'Sending the postings since the start date.',
  syncing: 'Sending new postings.',
  live: 'Everything is delivered; new postings are sent at once.',
  paused: 'Paused by an operator. Postings are kept and sent after it is resumed.',
  reauth_required: 'Rutter refuses the connection until the customer re-authorizes it. Postings are kept.',
  disconnected: 'The customer disconnected the account in Sage. Postings are kept.',
  closed: 'Closed. Sharing the account again reopens this feed.',
};

const blockedSentence = 'Blocked: a person must act. Postings are kept.';
const degradedSentence = 'Nothing can be sent at the moment; it is retried.';

/** Nothing is said of delivery while something keeps the feed from it. */
function sentenceOf({ feedState, reason, degraded }: BankFeedState): string {
  if (reason === null || !sendingStates.includes(feedState)) return sentences[feedState];
  return degraded === null ? blockedSentence : degradedSentence;
}

/** For the Temporal UI: what the feed is doing and why, without anything personal. */
export function describe(state: BankFeedState): string {
  const { degraded } = state;
  const lines = [sentenceOf(state)];
  if (state.reason !== null) lines.push(`Reason: ${state.reason}.`);
  if (degraded !== null) {
    lines.push(`Degraded since ${degraded.since}: ${degraded.cause}. Postings are kept and retried.`);
  }
  if (state.waitingFor === 'lock')
    lines.push('Another feed of the connection holds the delivery lock; retrying.');
  if (state.waitingFor === 'job') lines.push('A job at Rutter is still running; polling it.');
  if (state.lastSyncedAtMs !== null)
    lines.push(`Last caught up ${new Date(state.lastSyncedAtMs).toISOString()}.`);
  if (!state.closed) lines.push(`Next check by ${new Date(state.dueAtMs).toISOString()} at the latest.`);
  return lines.join('\n');
}
