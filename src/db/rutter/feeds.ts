import {
  feedState,
  type AccountFact,
  type ConnectionFact,
  type FeedFacts,
  type FeedState,
  type OperatorFact,
  type ClosedBy,
} from '../../domain/feed.js';
import { maySend } from '../../domain/rutter/feed.js';
import { changedFacts, type FeedChange, type FeedTransition } from '../../domain/rutter/transitions.js';
import type { Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';

/** A feed with all that delivery needs of it; instants are ISO text, counters decimal text. */
export interface FeedRow {
  readonly feedId: string;
  readonly customerId: string;
  readonly accountId: string;
  readonly connectionId: string;
  readonly rutterAccountId: string | null;
  readonly accessTokenSealed: string;
  /** The connection is to be unlinked, or is: no batch is built any more. */
  readonly isUnlinking: boolean;
  /** The last booking day that is sent; null while the account is open. */
  readonly closedOn: string | null;
  /** Of a closed feed: who closed it. */
  readonly closedBy: ClosedBy | null;
  /** The account that this one continues. */
  readonly replaces: string | null;
  readonly facts: FeedFacts;
  readonly state: FeedState;
  readonly reason: string | null;
  readonly reasonAt: string | null;
  readonly degradedSince: string | null;
  readonly degradedCause: string | null;
  readonly nextAttemptAt: string | null;
  readonly transactionStartDate: string | null;
  /** The first booking day that is sent. */
  readonly startDay: string | null;
  /** The zone of the account, else of its customer. */
  readonly timeZone: string | null;
  readonly cursorSendAt: string | null;
  readonly cursorSequence: string | null;
  readonly examinedSequence: string;
  readonly nextSyncAt: string | null;
  /** It may send since its facts changed, and no delivery run has begun since. */
  readonly checkRequested: boolean;
}

interface RawFeed {
  feed_id: string;
  customer_id: string;
  account_id: string;
  connection_id: string;
  rutter_account_id: string | null;
  access_token_sealed: string;
  is_unlinking: boolean;
  closed_on: string | null;
  closed_by: ClosedBy | null;
  replaces: string | null;
  operator: OperatorFact;
  connection_status: ConnectionFact;
  account_status: AccountFact;
  state: FeedState;
  reason: string | null;
  reason_at: string | null;
  degraded_since: string | null;
  degraded_cause: string | null;
  next_attempt_at: string | null;
  published_at: string | null;
  caught_up_at: string | null;
  syncing: boolean;
  transaction_start_date: string | null;
  start_day: string | null;
  time_zone: string | null;
  cursor_posted_at: string | null;
  cursor_sequence: string | null;
  examined_sequence: string;
  next_sync_at: string | null;
  check_requested: boolean;
}

/**
 * The first booking day that feed `f` sends. The version before stores a start date without its day: then that of UTC,
 * until the account is read again.
 */
export const startDayOfFeed = `coalesce(f.start_day, (f.transaction_start_date AT TIME ZONE 'UTC')::date)`;

/** The facts of feed `f` of connection `c`, as `FeedFacts`, and the state that was derived from them. */
export const storedFactsSql = `jsonb_build_object('operator', f.operator, 'connection', c.status,
  'account', f.account_status, 'published', f.published_at IS NOT NULL, 'caughtUp', f.caught_up_at IS NOT NULL,
  'syncing', f.syncing, 'state', f.state)`;

const selectFeed = `
  SELECT f.feed_id, f.customer_id, f.account_id, f.connection_id, f.rutter_account_id, c.access_token_sealed,
         c.unlink_requested_at IS NOT NULL AS is_unlinking, a.closed_on, f.closed_by, a.replaces, f.operator,
         c.status AS connection_status, f.account_status, f.state, f.reason, f.reason_at,
         f.degraded_since, f.degraded_cause, f.next_attempt_at, f.published_at, f.caught_up_at, f.syncing, f.transaction_start_date,
         ${startDayOfFeed} AS start_day,
         coalesce(a.time_zone, cu.time_zone) AS time_zone, f.cursor_posted_at, f.cursor_sequence,
         least(f.examined_sequence, f.examined_by_day_sequence) AS examined_sequence, f.next_sync_at, f.check_requested
    FROM feeds f JOIN connections c USING (connection_id) JOIN accounts a USING (account_id)
         JOIN customers cu ON cu.customer_id = f.customer_id`;

function feedFrom(raw: RawFeed): FeedRow {
  return {
    feedId: raw.feed_id,
    customerId: raw.customer_id,
    accountId: raw.account_id,
    connectionId: raw.connection_id,
    rutterAccountId: raw.rutter_account_id,
    accessTokenSealed: raw.access_token_sealed,
    isUnlinking: raw.is_unlinking,
    closedOn: raw.closed_on,
    closedBy: raw.closed_by,
    replaces: raw.replaces,
    facts: {
      operator: raw.operator,
      connection: raw.connection_status,
      account: raw.account_status,
      published: raw.published_at !== null,
      caughtUp: raw.caught_up_at !== null,
      syncing: raw.syncing,
    },
    state: raw.state,
    reason: raw.reason,
    reasonAt: raw.reason_at,
    degradedSince: raw.degraded_since,
    degradedCause: raw.degraded_cause,
    nextAttemptAt: raw.next_attempt_at,
    transactionStartDate: raw.transaction_start_date,
    startDay: raw.start_day,
    timeZone: raw.time_zone,
    cursorSendAt: raw.cursor_posted_at,
    cursorSequence: raw.cursor_sequence,
    examinedSequence: raw.examined_sequence,
    nextSyncAt: raw.next_sync_at,
    checkRequested: raw.check_requested,
  };
}

/** The feed, or null when there is none. */
export async function readFeed(db: Queryable, input: { feedId: string }): Promise<FeedRow | null> {
  const { rows } = await db.query<RawFeed>(`${selectFeed} WHERE f.feed_id = $1`, [input.feedId]);
  return rows[0] === undefined ? null : feedFrom(rows[0]);
}

/**
 * The feed, locked until the transaction ends: every change of facts and every build of a batch goes through here. Locked first
 * and read in a second statement: after a wait for the lock one statement would show the connection as it was before.
 */
export async function lockFeed(db: Queryable, input: { feedId: string }): Promise<FeedRow | null> {
  await db.query(`SELECT 1 FROM feeds WHERE feed_id = $1 FOR UPDATE`, [input.feedId]);
  return await readFeed(db, input);
}

/** The feeds of a connection that are not closed, locked in the order of their ids (no two lockers can deadlock). */
export async function lockFeedsOfConnection(
  db: Queryable,
  input: { connectionId: string },
): Promise<FeedRow[]> {
  const which = `connection_id = $1 AND operator <> 'closed' ORDER BY feed_id`;
  await db.query(`SELECT 1 FROM feeds WHERE ${which} FOR UPDATE`, [input.connectionId]);
  const { rows } = await db.query<RawFeed>(
    `${selectFeed} WHERE f.connection_id = $1 AND f.operator <> 'closed' ORDER BY f.feed_id`,
    [input.connectionId],
  );
  return rows.map(feedFrom);
}

/** An account is on few connections; more feeds than this wake with their next check. */
const wokenFeedsMax = 100;

/**
 * The feeds of an account that could send new postings now. A paused, waiting or refused one is woken when
 * that ends, and reads its postings then: a signal for every posting would only fill its history.
 */
export async function listFeedsToWake(db: Queryable, input: { accountId: string }): Promise<string[]> {
  const { rows } = await db.query<{ feed_id: string }>(
    `SELECT feed_id FROM feeds WHERE account_id = $1 AND operator = 'running'
        AND account_status = 'active' AND state <> 'reauth_required'
      ORDER BY feed_id LIMIT ${wokenFeedsMax}`,
    [input.accountId],
  );
  return rows.map((row) => row.feed_id);
}

/**
 * The feeds of an account that have to know of a change of it: all that are open, and those that closed with the account,
 * which a late posting or the account's opening opens again.
 */
export async function listFeedsOfChangedAccount(
  db: Queryable,
  input: { accountId: string },
): Promise<string[]> {
  const { rows } = await db.query<{ feed_id: string }>(
    `SELECT feed_id FROM feeds WHERE account_id = $1 AND (operator <> 'closed' OR closed_by = 'account')
      ORDER BY feed_id LIMIT ${wokenFeedsMax}`,
    [input.accountId],
  );
  return rows.map((row) => row.feed_id);
}

/** The feeds that closed with their account and may have late postings to send. */
export async function listFeedsClosedWithAccount(
  db: Queryable,
  input: { accountId: string },
): Promise<string[]> {
  const { rows } = await db.query<{ feed_id: string }>(
    `SELECT feed_id FROM feeds WHERE account_id = $1 AND closed_by = 'account' AND account_status = 'active'
      ORDER BY feed_id LIMIT ${wokenFeedsMax}`,
    [input.accountId],
  );
  return rows.map((row) => row.feed_id);
}

/** A delivery run has begun: the requested check is being made. */
export async function clearRequestedCheck(db: Queryable, input: { feedId: string }): Promise<void> {
  await db.query(`UPDATE feeds SET check_requested = false WHERE feed_id = $1 AND check_requested`, [
    input.feedId,
  ]);
}

/**
 * Writes a change to a feed's row together with the state derived from its facts; the caller holds the row's lock.
 * Answers the new state.
 */
export async function writeFeed(db: Queryable, feed: FeedRow, change: FeedChange): Promise<FeedState> {
  const facts = changedFacts(feed.facts, change);
  const state = feedState(facts);
  await db.query(
    `UPDATE feeds SET
       operator = $2, account_status = $3, syncing = $4, state = $5,
       caught_up_at = CASE WHEN $6 THEN coalesce(caught_up_at, now()) END,
       reason = CASE WHEN $7 THEN $8 ELSE reason END,
       reason_detail = CASE WHEN $7 THEN $9 ELSE reason_detail END,
       reason_at = CASE WHEN NOT $7 OR reason = $8 THEN reason_at WHEN $8 IS NOT NULL THEN now() END,
       degraded_since = CASE WHEN NOT $7 THEN degraded_since
                             WHEN $19::text IS NOT NULL AND reason IS NOT NULL THEN coalesce(degraded_since, now())
                             WHEN $19 IS NOT NULL THEN now() END,
       degraded_cause = CASE WHEN $7 THEN $19 ELSE degraded_cause END,
       next_attempt_at = CASE WHEN NOT $7 THEN next_attempt_at
                              WHEN $20::float8 IS NOT NULL THEN clock_timestamp() + $20 * interval '1 millisecond' END,
       state_since = CASE WHEN state = $5 THEN state_since ELSE now() END,
       sendable_since = CASE WHEN NOT $16 THEN NULL
                             WHEN state IN ('backfilling', 'syncing', 'live') THEN coalesce(sendable_since, now())
                             ELSE now() END,
       transaction_start_date = CASE WHEN $10 THEN $11 ELSE transaction_start_date END,
       start_day = CASE WHEN $10 THEN $18 ELSE start_day END,
       examined_sequence = CASE WHEN $12 THEN 0 ELSE examined_sequence END,
       last_synced_at = CASE WHEN $13 THEN now() ELSE last_synced_at END,
       next_sync_at = coalesce(to_timestamp($14::float8 / 1000), next_sync_at),
       check_requested = coalesce($15, check_requested),
       closed_at = CASE WHEN $2 = 'closed' THEN coalesce(closed_at, now()) END,
       closed_by = CASE WHEN $2 = 'closed' THEN coalesce($17, closed_by) END,
       updated_at = now()
     WHERE feed_id = $1`,
    [
      feed.feedId,
      facts.operator,
      facts.account,
      facts.syncing,
      state,
      facts.caughtUp,
      change.reason !== undefined,
      change.reason ?? null,
      change.reasonDetail ?? null,
      change.transactionStartDate !== undefined,
      change.transactionStartDate ?? null,
      change.reexamine ?? false,
      change.syncedNow ?? false,
      change.nextSyncAtMs ?? null,
      change.checkRequested ?? null,
      maySend(facts),
      change.closedBy ?? null,
      change.startDay ?? null,
      change.degradedCause ?? null,
      change.nextAttemptMs ?? null,
    ],
  );
  return state;
}

/** Applies a decision to a feed, with its timeline entry; the caller holds the row's lock. */
export async function applyTransition(
  db: Queryable,
  feed: FeedRow,
  { change, event }: FeedTransition,
): Promise<void> {
  await writeFeed(db, feed, change);
  if (event === null) return;
  await writeTimeline(db, {
    kind: event.kind,
    customerId: feed.customerId,
    connectionId: feed.connectionId,
    feedId: feed.feedId,
    detail: event.detail,
  });
}
