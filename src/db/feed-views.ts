import {
  feedState,
  type AccountFact,
  type ConnectionFact,
  type FeedFacts,
  type FeedState,
  type OperatorFact,
} from '../domain/feed.js';
import { sageAccountStatuses, sageFeedFacts, type SageAccountStatus } from '../domain/sage-banking/states.js';
import type { FeedChannel } from '../domain/search-attributes.js';
import type { Queryable } from './pool.js';

/** A feed of either channel as people and programs see it. Instants are ISO text in UTC. */
export interface FeedView {
  readonly feedId: string;
  readonly customerId: string;
  /** Null on the channel of Sage's Banking Service: its accounts are none of core banking's. */
  readonly accountId: string | null;
  readonly connectionId: string;
  readonly channel: FeedChannel;
  readonly facts: FeedFacts;
  readonly state: FeedState;
  readonly reason: string | null;
  readonly reasonDetail: string | null;
  readonly transactionStartDate: string | null;
  readonly lastSyncedAt: string | null;
  readonly nextSyncAt: string | null;
  readonly publishedAt: string | null;
  readonly closedAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Its open batch has a job at Rutter. */
  readonly hasJob: boolean;
  /** Transactions that were received from Sage, decimal text; null on the other channel. */
  readonly received: string | null;
}

interface CommonView {
  feed_id: string;
  customer_id: string;
  connection_id: string;
  reason: string | null;
  reason_detail: string | null;
  transaction_start_date: string | null;
  last_synced_at: string | null;
  next_sync_at: string | null;
  published_at: string | null;
  closed_at: string | null;
  created_at: string;
  updated_at: string;
}

interface RutterView extends CommonView {
  channel: 'rutter';
  account_id: string;
  operator: OperatorFact;
  connection_status: ConnectionFact;
  account_status: AccountFact;
  caught_up_at: string | null;
  syncing: boolean;
  state: FeedState;
  has_job: boolean;
}

interface SageView extends CommonView {
  channel: 'sage-banking';
  sage_status: SageAccountStatus;
  received: string;
}

const selectView = `
  SELECT f.feed_id, f.customer_id, f.account_id, f.connection_id, 'rutter' AS channel, f.operator, c.status AS connection_status,
         f.account_status, f.caught_up_at, f.syncing, f.state, f.reason, f.reason_detail, f.transaction_start_date,
         f.last_synced_at, f.next_sync_at, f.published_at, f.closed_at, f.created_at, f.updated_at,
         EXISTS (SELECT 1 FROM batches b JOIN attempts a USING (batch_id)
                  WHERE b.feed_id = f.feed_id AND b.state = 'open'
                    AND a.state IN ('open', 'in_doubt') AND a.job_id IS NOT NULL) AS has_job,
         NULL::text AS sage_status, NULL::bigint AS received
    FROM feeds f JOIN connections c USING (connection_id)`;

/** The same columns of an account at Sage's Banking Service: its id is a feed's, what it lacks is null. */
const selectSageView = `
  SELECT s.sage_account_id, s.customer_id, NULL, s.connection_id, 'sage-banking', NULL, NULL, NULL, NULL::timestamptz,
         NULL::boolean, NULL, s.reason, s.reason_detail, s.requested_start_date, s.last_read_at, s.next_read_at,
         s.created_at, s.cancelled_at, s.created_at, s.updated_at, NULL::boolean, s.status, s.received
    FROM sage_accounts s`;

function viewFrom(raw: RutterView | SageView): FeedView {
  const common = {
    feedId: raw.feed_id,
    customerId: raw.customer_id,
    connectionId: raw.connection_id,
    channel: raw.channel,
    reason: raw.reason,
    reasonDetail: raw.reason_detail,
    transactionStartDate: raw.transaction_start_date,
    lastSyncedAt: raw.last_synced_at,
    nextSyncAt: raw.next_sync_at,
    publishedAt: raw.published_at,
    closedAt: raw.closed_at,
    createdAt: raw.created_at,
    updatedAt: raw.updated_at,
  };
  if (raw.channel === 'sage-banking') {
    const facts = sageFeedFacts(raw.sage_status);
    const state = feedState(facts);
    return { ...common, accountId: null, facts, state, hasJob: false, received: raw.received };
  }
  const facts = {
    operator: raw.operator,
    connection: raw.connection_status,
    account: raw.account_status,
    published: raw.published_at !== null,
    caughtUp: raw.caught_up_at !== null,
    syncing: raw.syncing,
  };
  const { state, account_id: accountId, has_job: hasJob } = raw;
  return { ...common, accountId, facts, state, hasJob, received: null };
}

/** Sage's words for a state that people see. */
function sageStatusesOf(state: FeedState): SageAccountStatus[] {
  return sageAccountStatuses.filter((status) => feedState(sageFeedFacts(status)) === state);
}

/** The feed, or null when there is none. */
export async function readFeedView(db: Queryable, input: { feedId: string }): Promise<FeedView | null> {
  const { rows } = await db.query<RutterView | SageView>(
    `${selectView} WHERE f.feed_id = $1 UNION ALL ${selectSageView} WHERE s.sage_account_id = $1`,
    [input.feedId],
  );
  return rows[0] === undefined ? null : viewFrom(rows[0]);
}

/** Up to `limit` feeds after the feed `afterFeedId`, in the order of their ids. Absent filters take all. */
export async function listFeedViews(
  db: Queryable,
  input: {
    customerId?: string | undefined;
    accountId?: string | undefined;
    state?: FeedState | undefined;
    afterFeedId?: string | undefined;
    limit: number;
  },
): Promise<FeedView[]> {
  const { rows } = await db.query<RutterView | SageView>(
    `(${selectView}
       WHERE ($1::text IS NULL OR f.customer_id = $1) AND ($2::text IS NULL OR f.account_id = $2)
         AND ($3::text IS NULL OR f.state = $3) AND ($4::uuid IS NULL OR f.feed_id > $4)
       ORDER BY f.feed_id LIMIT $5)
     UNION ALL
     (${selectSageView}
       WHERE ($1::text IS NULL OR s.customer_id = $1) AND $2::text IS NULL
         AND ($6::text[] IS NULL OR s.status = ANY ($6)) AND ($4::uuid IS NULL OR s.sage_account_id > $4)
       ORDER BY s.sage_account_id LIMIT $5)
     ORDER BY feed_id LIMIT $5`,
    [
      input.customerId ?? null,
      input.accountId ?? null,
      input.state ?? null,
      input.afterFeedId ?? null,
      input.limit,
      input.state === undefined ? null : sageStatusesOf(input.state),
    ],
  );
  return rows.map(viewFrom);
}

/** An account is on few connections; more feeds than this wake with their next check. */
const wokenFeedsMax = 100;

/**
 * The feeds of an account that could send new postings now. A paused, waiting or refused one is woken by what ends
 * that, and searches for itself then: a signal a posting would only fill its history.
 */
export async function listFeedsToWake(db: Queryable, input: { accountId: string }): Promise<string[]> {
  const { rows } = await db.query<{ feed_id: string }>(
    `SELECT feed_id FROM feeds WHERE account_id = $1 AND operator = 'running' AND channel = 'rutter'
        AND account_status = 'active' AND state <> 'reauth_required'
      ORDER BY feed_id LIMIT ${wokenFeedsMax}`,
    [input.accountId],
  );
  return rows.map((row) => row.feed_id);
}
