import { todayIn, zoneOf } from '../../domain/booking-day.js';
import { feedState } from '../../domain/feed.js';
import type { AccountRefusalReason } from '../../domain/rutter/handoff.js';
import { publishObstacle, type PublishObstacle } from '../../domain/rutter/may-publish.js';
import { readDatabaseClock } from '../clock.js';
import { lockFeed, writeFeed } from './feeds.js';
import type { Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';

/** One account to be published on a connection. */
export interface AccountToPublish {
  readonly accountId: string;
  readonly name: string;
  readonly type: 'bank' | 'credit_card';
  readonly currency: string;
  /** Sealed for `{table: 'accounts', row: accountId}`. */
  readonly numberSealed: string | null;
  /** The account that this one belongs to, by our id. */
  readonly parentAccountId: string | null;
  /** Rutter's id from an earlier publication of ours; the feed keeps it forever. */
  readonly rutterAccountId: string | null;
  /** It was refused before in the same handoff: it is not tried again until the customer starts again. */
  readonly refused: AccountRefusal | null;
  /** Why it must not be published; null for one that is shared already. */
  readonly obstacle: PublishObstacle | null;
}

/** Why one account cannot be published, with Rutter's code if it was Rutter that refused it. */
export interface AccountRefusal {
  readonly reason: AccountRefusalReason;
  readonly errorCode: string | null;
}

/**
 * The accounts of a list that belong to the customer, in the list's order, each with a publish key stored
 * for it (see {@link usePublishKey}), now or the first time. A new handoff forgets what an earlier one was refused.
 */
export async function prepareAccountsToPublish(
  db: Queryable,
  input: AccountsToRead & { readonly handoffId: string },
): Promise<AccountToPublish[]> {
  await db.query(
    `INSERT INTO publications AS p (connection_id, account_id, publish_key, handoff_id)
     SELECT $1, account_id, gen_random_uuid(), $4 FROM accounts
      WHERE customer_id = $2 AND account_id = ANY($3) ORDER BY account_id
     ON CONFLICT (connection_id, account_id) DO UPDATE
        SET handoff_id = EXCLUDED.handoff_id, refused_reason = NULL, refused_code = NULL, refused_at = NULL
      WHERE p.handoff_id IS DISTINCT FROM EXCLUDED.handoff_id`,
    [input.connectionId, input.customerId, input.accountIds, input.handoffId],
  );
  return await readAccountsToPublish(db, input);
}

interface AccountsToRead {
  readonly customerId: string;
  readonly connectionId: string;
  readonly accountIds: readonly string[];
  /** In which the day of today is read where neither account nor customer has a zone; null: UTC. */
  readonly bankTimeZone: string | null;
}

/** The accounts of a list that belong to the customer, in the list's order. Their publish keys are stored before. */
async function readAccountsToPublish(db: Queryable, input: AccountsToRead): Promise<AccountToPublish[]> {
  const { rows } = await db.query<{
    account_id: string;
    name: string;
    type: 'bank' | 'credit_card';
    currency: string;
    number_sealed: string | null;
    parent_account_id: string | null;
    rutter_account_id: string | null;
    refused_reason: AccountRefusalReason | null;
    refused_code: string | null;
    publishable: boolean;
    closed_on: string | null;
    time_zone: string | null;
    is_shared: boolean;
  }>(
    `SELECT a.account_id, a.name, a.type, a.currency, a.number_sealed, a.parent_account_id, f.rutter_account_id, p.refused_reason,
            p.refused_code, a.publishable, a.closed_on, coalesce(a.time_zone, cu.time_zone) AS time_zone,
            coalesce(f.operator <> 'closed', false) AS is_shared
       FROM accounts a JOIN customers cu ON cu.customer_id = a.customer_id
       JOIN publications p ON p.account_id = a.account_id AND p.connection_id = $1
       LEFT JOIN feeds f ON f.account_id = a.account_id AND f.connection_id = $1
      WHERE a.customer_id = $2 AND a.account_id = ANY($3)
      ORDER BY array_position($3::text[], a.account_id)`,
    [input.connectionId, input.customerId, input.accountIds],
  );
  const nowMs = await readDatabaseClock(db);
  const obstacleOf = (row: (typeof rows)[number]) => {
    const timeZone = zoneOf({ timeZone: row.time_zone, bankTimeZone: input.bankTimeZone });
    return publishObstacle({ ...row, closedOn: row.closed_on }, todayIn(timeZone, nowMs));
  };
  return rows.map((row) => ({
    accountId: row.account_id,
    name: row.name,
    type: row.type,
    currency: row.currency,
    numberSealed: row.number_sealed,
    parentAccountId: row.parent_account_id,
    rutterAccountId: row.rutter_account_id,
    obstacle: row.is_shared ? null : obstacleOf(row),
    refused: row.refused_reason === null ? null : { reason: row.refused_reason, errorCode: row.refused_code },
  }));
}

/** Accounts of a connection that are left to publish after a handoff, longest waiting first. */
export async function listLaterAccounts(
  db: Queryable,
  input: Omit<AccountsToRead, 'accountIds'> & { readonly limit: number },
): Promise<AccountToPublish[]> {
  const { rows } = await db.query<{ account_id: string }>(
    `SELECT account_id FROM publications WHERE connection_id = $1 AND later_since IS NOT NULL
      ORDER BY later_since, account_id LIMIT $2`,
    [input.connectionId, input.limit],
  );
  const accountIds = rows.map((row) => row.account_id);
  return accountIds.length === 0 ? [] : await readAccountsToPublish(db, { ...input, accountIds });
}

/**
 * Whether an account is still left to publish. It stays so until the transaction ends: a customer who cancels meanwhile
 * waits.
 */
export async function holdLaterAccount(
  db: Queryable,
  input: { connectionId: string; accountId: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT 1 FROM publications WHERE connection_id = $1 AND account_id = $2 AND later_since IS NOT NULL FOR UPDATE`,
    [input.connectionId, input.accountId],
  );
  return rowCount === 1;
}

/** How many accounts of a connection are left to publish after a handoff. */
export async function countLaterAccounts(db: Queryable, input: { connectionId: string }): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM publications WHERE connection_id = $1 AND later_since IS NOT NULL`,
    [input.connectionId],
  );
  return rows[0]?.n ?? 0;
}

/** The account cannot be published: nothing tries it again until the customer shares it again. With its timeline row. */
export async function recordAccountRefused(
  db: Queryable,
  input: { customerId: string; connectionId: string; accountId: string } & AccountRefusal,
): Promise<void> {
  const { customerId, connectionId, accountId, reason, errorCode } = input;
  await db.query(
    `UPDATE publications SET refused_reason = $3, refused_code = $4, refused_at = now(), later_since = NULL
      WHERE connection_id = $1 AND account_id = $2`,
    [connectionId, accountId, reason, errorCode],
  );
  await writeTimeline(db, {
    kind: 'account_not_published',
    customerId,
    connectionId,
    detail: { account_id: accountId, reason, ...(errorCode === null ? {} : { error_code: errorCode }) },
  });
}

/** The account is published: nothing is left to do, and what was refused before is forgotten. */
async function recordAccountPublished(
  db: Queryable,
  input: { connectionId: string; accountId: string },
): Promise<void> {
  await db.query(
    `UPDATE publications SET refused_reason = NULL, refused_code = NULL, refused_at = NULL, later_since = NULL
      WHERE connection_id = $1 AND account_id = $2 AND (refused_at IS NOT NULL OR later_since IS NOT NULL)`,
    [input.connectionId, input.accountId],
  );
}

export interface FeedCreation {
  readonly customerId: string;
  readonly accountId: string;
  readonly connectionId: string;
  readonly rutterAccountId: string;
}

/** With what asked for the feed: whether it is still wanted, which then stays true until the transaction ends. */
type WantedFeed = FeedCreation & { readonly holdWanted?: () => Promise<boolean> };

/**
 * The feed of an account on a connection, published now, with its timeline row: a new one; or the one that there is,
 * re-opened with its ledger intact when it was closed (its account then waits for activation in Sage again). Sharing an
 * account that is shared already changes nothing: paused stays paused.
 * `conflict`: the feed belongs to another account at Rutter, which never changes. `unlinking`: its connection is being
 * unlinked. `not_wanted`: what asked for it has ended. Call it in a transaction.
 */
export async function createFeed(
  db: Queryable,
  input: WantedFeed,
): Promise<
  | { feedId: string; outcome: 'created' | 'reopened' | 'unchanged' }
  | { outcome: 'conflict' | 'unlinking' | 'not_wanted' }
> {
  if (!(await isLinkable(db, input))) return { outcome: 'unlinking' };
  if (input.holdWanted !== undefined && !(await input.holdWanted())) return { outcome: 'not_wanted' };
  await recordAccountPublished(db, input);
  const inserted = await insertFeed(db, input);
  if (inserted !== null) {
    await writeFeedTimeline(db, { ...input, feedId: inserted, kind: 'feed_published' });
    return { feedId: inserted, outcome: 'created' };
  }
  const { rows } = await db.query<{ feed_id: string }>(
    `SELECT feed_id FROM feeds WHERE connection_id = $1 AND account_id = $2`,
    [input.connectionId, input.accountId],
  );
  const feedId = rows[0]?.feed_id;
  const feed = feedId === undefined ? null : await lockFeed(db, { feedId });
  if (feed?.rutterAccountId !== input.rutterAccountId) return { outcome: 'conflict' };
  if (feed.facts.operator !== 'closed') return { feedId: feed.feedId, outcome: 'unchanged' };
  await writeFeed(db, feed, { operator: 'running', account: 'waiting', syncing: false, reason: null });
  await writeFeedTimeline(db, { ...input, feedId: feed.feedId, kind: 'feed_reopened' });
  return { feedId: feed.feedId, outcome: 'reopened' };
}

/** Locked against its end: no feed is opened on a connection that is being unlinked. */
async function isLinkable(db: Queryable, input: { connectionId: string }): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT 1 FROM connections WHERE connection_id = $1 AND unlink_requested_at IS NULL FOR SHARE`,
    [input.connectionId],
  );
  return rowCount === 1;
}

/** The new feed's id, or null when the account has a feed on this connection (or the Rutter account has one). */
async function insertFeed(db: Queryable, input: FeedCreation): Promise<string | null> {
  const state = feedState({
    operator: 'running',
    connection: 'ok',
    account: 'waiting',
    published: true,
    caughtUp: false,
    syncing: false,
  });
  const { rows } = await db.query<{ feed_id: string }>(
    `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, rutter_account_id, state, published_at)
     VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, now()) ON CONFLICT DO NOTHING RETURNING feed_id`,
    [input.customerId, input.accountId, input.connectionId, input.rutterAccountId, state],
  );
  return rows[0]?.feed_id ?? null;
}

async function writeFeedTimeline(
  db: Queryable,
  input: FeedCreation & { feedId: string; kind: 'feed_published' | 'feed_reopened' },
): Promise<void> {
  await writeTimeline(db, {
    kind: input.kind,
    customerId: input.customerId,
    connectionId: input.connectionId,
    feedId: input.feedId,
    detail: { rutter_account_id: input.rutterAccountId },
  });
}
