import type { AccountFact, ConnectionFact, FeedFacts, FeedState, OperatorFact } from '../domain/feed.js';
import type { Queryable } from './pool.js';

/** A feed as people and programs see it. Instants are ISO text in UTC. */
export interface FeedView {
  readonly feedId: string;
  readonly customerId: string;
  readonly accountId: string;
  readonly connectionId: string;
  readonly channel: 'rutter' | 'sage-banking';
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
}

interface RawView {
  feed_id: string;
  customer_id: string;
  account_id: string;
  connection_id: string;
  channel: 'rutter' | 'sage-banking';
  operator: OperatorFact;
  connection_status: ConnectionFact;
  account_status: AccountFact;
  caught_up_at: string | null;
  syncing: boolean;
  state: FeedState;
  reason: string | null;
  reason_detail: string | null;
  transaction_start_date: string | null;
  last_synced_at: string | null;
  next_sync_at: string | null;
  published_at: string | null;
  closed_at: string | null;
  created_at: string;
  updated_at: string;
  has_job: boolean;
}

const selectView = `
  SELECT f.feed_id, f.customer_id, f.account_id, f.connection_id, f.channel, f.operator, c.status AS connection_status,
         f.account_status, f.caught_up_at, f.syncing, f.state, f.reason, f.reason_detail, f.transaction_start_date,
         f.last_synced_at, f.next_sync_at, f.published_at, f.closed_at, f.created_at, f.updated_at,
         EXISTS (SELECT 1 FROM batches b JOIN attempts a USING (batch_id)
                  WHERE b.feed_id = f.feed_id AND b.state = 'open'
                    AND a.state IN ('open', 'in_doubt') AND a.job_id IS NOT NULL) AS has_job
    FROM feeds f JOIN connections c USING (connection_id)`;

function viewFrom(raw: RawView): FeedView {
  return {
    feedId: raw.feed_id,
    customerId: raw.customer_id,
    accountId: raw.account_id,
    connectionId: raw.connection_id,
    channel: raw.channel,
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
    reasonDetail: raw.reason_detail,
    transactionStartDate: raw.transaction_start_date,
    lastSyncedAt: raw.last_synced_at,
    nextSyncAt: raw.next_sync_at,
    publishedAt: raw.published_at,
    closedAt: raw.closed_at,
    createdAt: raw.created_at,
    updatedAt: raw.updated_at,
    hasJob: raw.has_job,
  };
}

/** The feed, or null when there is none. */
export async function readFeedView(db: Queryable, input: { feedId: string }): Promise<FeedView | null> {
  const { rows } = await db.query<RawView>(`${selectView} WHERE f.feed_id = $1`, [input.feedId]);
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
  const { rows } = await db.query<RawView>(
    `${selectView}
      WHERE ($1::text IS NULL OR f.customer_id = $1) AND ($2::text IS NULL OR f.account_id = $2)
        AND ($3::text IS NULL OR f.state = $3) AND ($4::uuid IS NULL OR f.feed_id > $4)
      ORDER BY f.feed_id LIMIT $5`,
    [
      input.customerId ?? null,
      input.accountId ?? null,
      input.state ?? null,
      input.afterFeedId ?? null,
      input.limit,
    ],
  );
  return rows.map(viewFrom);
}

/** An account is on few connections; more feeds than this wake with their next look. */
const wokenFeedsMax = 100;

/**
 * The feeds of an account that could send new postings now. A paused, waiting or refused one is woken by what ends
 * that, and looks for itself then: a signal a posting would only fill its history.
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
