import { addDays, startDayOf, zoneOf } from '../booking-day.js';
import {
  feedState,
  type AccountFact,
  type ClosedBy,
  type FeedFacts,
  type FeedState,
  type OperatorAction,
  type OperatorFact,
} from '../feed.js';
import type { DegradedCause } from '../feed-status.js';
import { isBlocked, type FeedReason } from './feed.js';

/**
 * How the row of a feed changes: by what Rutter answers about its account, by an operator's request, and by the result of
 * a delivery run. Pure: `src/db/rutter` reads the row under its lock, calls one of these,
 * and writes the change with the timeline entry.
 */

/** What the decisions need of a feed's row. Instants are ISO text in UTC. */
export interface FeedSnapshot {
  readonly facts: FeedFacts;
  /** The stored state. It differs from that of the facts when the connection has changed since. */
  readonly state: FeedState;
  readonly reason: string | null;
  readonly transactionStartDate: string | null;
  /** The first booking day that is sent; null with a null start date. */
  readonly startDay: string | null;
  /** The zone of the account, else of its customer. */
  readonly timeZone: string | null;
  readonly nextSyncAt: string | null;
  readonly checkRequested: boolean;
}

/** A change of a feed's row; absent fields keep their values. */
export interface FeedChange {
  readonly operator?: OperatorFact;
  /** With `operator: 'closed'`: who closed it. */
  readonly closedBy?: ClosedBy;
  readonly account?: AccountFact;
  readonly caughtUp?: boolean;
  readonly syncing?: boolean;
  readonly reason?: string | null;
  readonly reasonDetail?: string | null;
  /** With a reason that passes by itself: one of `DegradedCause`. */
  readonly degradedCause?: string | null;
  /** With such a reason: how long until the next attempt; null where that is not known. */
  readonly nextAttemptMs?: number | null;
  /** Always together with {@link startDay}. */
  readonly transactionStartDate?: string | null;
  readonly startDay?: string | null;
  /** Examine everything up to the cursor again: an earlier start date makes older postings deliverable. */
  readonly reexamine?: boolean;
  readonly syncedNow?: boolean;
  readonly checkRequested?: boolean;
  readonly nextSyncAtMs?: number;
}

/** An entry for the timeline: its kind and details. */
export interface FeedEvent {
  readonly kind: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface FeedTransition {
  readonly change: FeedChange;
  /** Null: nothing that the timeline reports. */
  readonly event: FeedEvent | null;
}

/** The facts after a change. */
export function changedFacts(facts: FeedFacts, change: FeedChange): FeedFacts {
  return {
    ...facts,
    operator: change.operator ?? facts.operator,
    account: change.account ?? facts.account,
    caughtUp: change.caughtUp ?? facts.caughtUp,
    syncing: change.syncing ?? facts.syncing,
  };
}

/** What Rutter answers about one bank feed account, reduced to what the decisions need. */
export interface AccountSeen {
  readonly rutterAccountId: string;
  /** `feed_status` active and `transaction_ready`: postings may be sent. */
  readonly ready: boolean;
  /** ISO instant, UTC; what the customer chose in Sage. */
  readonly transactionStartDate: string | null;
}

/**
 * The change of a feed after a read of its account at Rutter; `seen` undefined: the account is missing from a complete list.
 * A missing account counts as disconnected, unless the feed still waits for activation: its row may be newer than the list. A feed
 * whose stored state is not that of its facts was blocked by its connection, which has recovered since. `transition`
 * is null when nothing changes.
 */
export function accountTransition(
  feed: FeedSnapshot,
  seen: AccountSeen | undefined,
  bankTimeZone: string | null,
): { account: AccountFact; transition: FeedTransition | null } {
  const before = feed.facts.account;
  const account = accountFact(feed, seen);
  const startDate = movedStartDate({ feed, account, seen, bankTimeZone });
  const recovered = feed.state !== feedState(feed.facts);
  if (account === before && !recovered && startDate === null) return { account, transition: null };
  const change: FeedChange = {
    account,
    ...startDate,
    // A feed that was linked again has older postings to send: it is backfilling until then.
    ...(account === 'active' && before !== 'active' ? { caughtUp: false } : {}),
    // It was not retried meanwhile: what kept it before may be over.
    ...((account !== before || recovered) && feed.reason !== null && !isBlocked(feed.reason)
      ? { reason: null }
      : {}),
    checkRequested: account === 'active',
  };
  const event = {
    kind: accountEventKind({ before, account, recovered }),
    detail: account === 'active' ? { transaction_start_date: seen?.transactionStartDate ?? null } : {},
  };
  return { account, transition: { change, event } };
}

/** Without a start date it is unknown which of the older postings were asked for: nothing is sent until Sage has one. */
function accountFact(feed: FeedSnapshot, seen: AccountSeen | undefined): AccountFact {
  if (seen?.ready === true && (seen.transactionStartDate ?? feed.transactionStartDate) !== null)
    return 'active';
  return feed.facts.account === 'waiting' ? 'waiting' : 'inactive';
}

/**
 * The start date counts from the moment the account is ready; an earlier day than before makes older postings
 * deliverable. The day of the same start date is kept though the zone may have changed, unless it cannot be its day: the
 * version before writes dates without their days.
 */
function movedStartDate(input: {
  feed: FeedSnapshot;
  account: AccountFact;
  seen: AccountSeen | undefined;
  bankTimeZone: string | null;
}): FeedChange | null {
  const { feed, account, bankTimeZone } = input;
  const date = input.seen?.transactionStartDate ?? null;
  if (account !== 'active' || date === null) return null;
  const timeZone = zoneOf({ timeZone: feed.timeZone, bankTimeZone });
  const startDay = startDayOf({ startDate: date, timeZone });
  const before = feed.transactionStartDate;
  const sameDate = before !== null && Date.parse(date) === Date.parse(before);
  if (
    sameDate &&
    feed.startDay !== null &&
    feed.startDay <= startDay &&
    feed.startDay >= addDays(startDay, -1)
  ) {
    return null;
  }
  const reexamine = feed.startDay !== null && startDay < feed.startDay;
  return { transactionStartDate: date, startDay, reexamine };
}

function accountEventKind(input: { before: AccountFact; account: AccountFact; recovered: boolean }): string {
  if (input.account !== input.before)
    return input.account === 'active' ? 'feed_activated' : 'feed_disconnected';
  return input.recovered ? 'connection_recovered' : 'start_date_changed';
}

const requestChanges: Record<OperatorAction, FeedChange> = {
  pause: { operator: 'paused', syncing: false },
  resume: { operator: 'running' },
  sync: {},
  close: { operator: 'closed', closedBy: 'request', syncing: false },
};

/**
 * The change of a feed by an operator's or customer's request. Null: the feed is closed and stays closed. A request that
 * changes nothing (pausing a paused feed) has no event. `resume` and `sync` both ask for another try: a reason that
 * blocked the feed is cleared; one that passes by itself is cleared by the try that succeeds.
 */
export function requestTransition(feed: FeedSnapshot, action: OperatorAction): FeedTransition | null {
  if (feed.facts.operator === 'closed') return null;
  const change = requestChanges[action];
  const clearsReason = feed.reason !== null && clearsReasonOf(feed, action);
  const changesNothing = change.operator === feed.facts.operator && !clearsReason;
  return {
    change: clearsReason ? { ...change, reason: null } : change,
    event: changesNothing ? null : { kind: `${action}_requested`, detail: {} },
  };
}

/** A paused feed was not retried: what kept it before the pause may be over. */
function clearsReasonOf({ facts, reason }: FeedSnapshot, action: OperatorAction): boolean {
  if (action === 'close') return true;
  return asksForTry(action) && (isBlocked(reason) || facts.operator === 'paused');
}

/** Whether the request asks to try at once what waits for its next attempt. */
export function asksForTry(action: OperatorAction): boolean {
  return action === 'resume' || action === 'sync';
}

/** The feed has nothing left to send: it is live, and its next check is due at `nextSyncAtMs`. */
export function caughtUpTransition(feed: FeedSnapshot, input: { nextSyncAtMs: number }): FeedTransition {
  return {
    change: {
      caughtUp: true,
      syncing: false,
      syncedNow: true,
      nextSyncAtMs: input.nextSyncAtMs,
      reason: null,
    },
    event: feed.facts.caughtUp ? null : { kind: 'caught_up', detail: {} },
  };
}

/** Why a feed cannot continue, as the sender reports it. */
export interface MetReason {
  readonly reason: FeedReason;
  /** The provider's message, redacted. */
  readonly detail: string | null;
  /** Of a reason that passes by itself. */
  readonly cause?: DegradedCause;
  /** How long until the next attempt, where the sender knows it. */
  readonly nextAttemptMs?: number | undefined;
  /** True when a person must act; a transient failure is only stored in the row until the next success. */
  readonly timeline: boolean;
  /** Ids and codes for the timeline beside the reason. */
  readonly about?: Readonly<Record<string, unknown>>;
  /** `nextSyncAt` as the sender knew it: when the feed has caught up since, the failure is over. */
  readonly asOf?: { readonly nextSyncAt: string | null };
}

/** Null: nothing is written, because the failure is over or would hide a reason that a person must act on. */
export function reasonTransition(feed: FeedSnapshot, met: MetReason): FeedTransition | null {
  if (!met.timeline && isBlocked(feed.reason)) return null;
  if (met.asOf !== undefined && met.asOf.nextSyncAt !== feed.nextSyncAt) return null;
  const isNew = met.timeline && feed.reason !== met.reason;
  return {
    change: {
      reason: met.reason,
      reasonDetail: met.detail,
      ...(met.cause === undefined
        ? {}
        : { degradedCause: met.cause, nextAttemptMs: met.nextAttemptMs ?? null }),
      syncing: false,
    },
    event: isNew ? { kind: 'feed_blocked', detail: { reason: met.reason, ...met.about } } : null,
  };
}

/** The reason of the feed whose batch this one waits for; null: that one does not wait, or this one needs a person. */
export function sharedReasonTransition(
  feed: FeedSnapshot,
  input: {
    owner: { readonly feedId: string; readonly reason: string | null; readonly degradedCause: string | null };
    nextAttemptMs: number | null;
  },
): FeedTransition | null {
  const { owner, nextAttemptMs } = input;
  if (owner.reason === null || isBlocked(owner.reason) || isBlocked(feed.reason)) return null;
  return {
    change: {
      reason: owner.reason,
      reasonDetail: `as feed ${owner.feedId}`,
      degradedCause: owner.degradedCause ?? owner.reason,
      nextAttemptMs,
    },
    event: null,
  };
}
