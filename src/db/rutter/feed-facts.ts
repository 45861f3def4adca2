import { credentialsRejectedReason, type AccountFact, type OperatorAction } from '../../domain/feed.js';
import { deliveryLockOf } from '../../domain/rutter/delivery-lock.js';
import { isBlocked } from '../../domain/rutter/feed.js';
import { refusalHoldOffMaxMs } from '../../domain/rutter/schedule.js';
import {
  accountTransition,
  asksForTry,
  caughtUpTransition,
  reasonTransition,
  requestTransition,
  sharedReasonTransition,
  type AccountSeen,
  type MetReason,
} from '../../domain/rutter/transitions.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';
import { letProbe } from './rejected-credentials.js';
import {
  applyTransition,
  lockFeed,
  readFeed,
  lockFeedsOfConnection,
  writeFeed,
  type FeedRow,
} from './feeds.js';

const refusalHoldOffMax = `interval '${String(refusalHoldOffMaxMs)} milliseconds'`;

export interface ConnectionCheck {
  /** Feeds that may send since their facts changed and have not begun yet: to be woken (again). */
  readonly requestedFeedIds: readonly string[];
  /** Feeds whose account waits for its activation, or was disconnected in Sage. */
  readonly awaitedCount: number;
}

/**
 * Applies a complete list of the connection's accounts, in one transaction with its timeline entries. The
 * caller knows that the connection is not refused: one that was has recovered. Repeating it changes nothing. Feeds keep
 * their requested check until a delivery run has begun, so that they are woken even if a caller dies before that.
 */
export async function recordAccountsSeen(
  pool: Pool,
  input: { connectionId: string; accounts: readonly AccountSeen[]; bankTimeZone: string | null },
): Promise<ConnectionCheck> {
  const seen = new Map(input.accounts.map((account) => [account.rutterAccountId, account]));
  return await transaction(pool, async (db) => {
    // The connection's row before its feeds' rows, here and everywhere: no two lockers can deadlock.
    await markConnectionOk(db, input);
    const requestedFeedIds: string[] = [];
    let awaitedCount = 0;
    for (const feed of await lockFeedsOfConnection(db, input)) {
      const { account, checkRequested } = await storeAccount(db, feed, {
        seen: seen.get(feed.rutterAccountId ?? ''),
        bankTimeZone: input.bankTimeZone,
      });
      if (account !== 'active') awaitedCount += 1;
      else if (checkRequested) requestedFeedIds.push(feed.feedId);
    }
    return { requestedFeedIds, awaitedCount };
  });
}

/** The same for one account alone, as read with a feed's daily check; the connection's status is not changed. */
export async function recordAccountSeen(
  pool: Pool,
  input: { feedId: string; account: AccountSeen; bankTimeZone: string | null },
): Promise<void> {
  await transaction(pool, async (db) => {
    const feed = await lockFeed(db, input);
    if (feed === null || feed.facts.operator === 'closed') return;
    await storeAccount(db, feed, { seen: input.account, bankTimeZone: input.bankTimeZone });
  });
}

async function markConnectionOk(db: Queryable, input: { connectionId: string }): Promise<void> {
  await db.query(
    `UPDATE connections SET status = 'ok', provider_status = NULL, status_reason = NULL, updated_at = now()
      WHERE connection_id = $1 AND status <> 'ok'`,
    [input.connectionId],
  );
}

async function storeAccount(
  db: Queryable,
  feed: FeedRow,
  input: { seen: AccountSeen | undefined; bankTimeZone: string | null },
): Promise<{ account: AccountFact; checkRequested: boolean }> {
  const { seen } = input;
  const { account, transition } = accountTransition(feed, seen, input.bankTimeZone);
  const staysActive = feed.facts.account === 'active' && account === 'active';
  if (!staysActive) await markStartDateAwaited(db, feed, seen?.ready === true && account !== 'active');
  if (transition === null) return { account, checkRequested: feed.checkRequested };
  await applyTransition(db, feed, transition);
  return { account, checkRequested: account === 'active' };
}

/** Since when the account is ready without a start date: an alert waits for that, and nothing else depends on it. */
async function markStartDateAwaited(db: Queryable, feed: FeedRow, awaited: boolean): Promise<void> {
  await db.query(
    `UPDATE feeds SET start_date_awaited_since = CASE WHEN $2 THEN now() END
      WHERE feed_id = $1 AND (start_date_awaited_since IS NULL) = $2`,
    [feed.feedId, awaited],
  );
}

/**
 * The provider refuses the connection: it and all its feeds are blocked until it is authorized again. Ingestion continues.
 * `code` and `message` are the provider's, already redacted.
 */
export async function recordConnectionRefused(
  pool: Pool,
  input: { connectionId: string; code: string; message: string | null },
): Promise<void> {
  await transaction(pool, async (db) => {
    const { rowCount } = await db.query(
      `UPDATE connections SET status = 'refused', provider_status = $2, status_reason = $3, updated_at = now(),
              refused_times = CASE WHEN refused_at > now() - interval '1 day' THEN refused_times + 1 ELSE 1 END,
              refused_at = now()
        WHERE connection_id = $1 AND status <> 'refused'`,
      [input.connectionId, input.code, input.message],
    );
    if (rowCount !== 1) return;
    for (const feed of await lockFeedsOfConnection(db, input)) {
      await writeFeed(db, feed, { syncing: false });
      await writeTimeline(db, {
        kind: 'connection_refused',
        customerId: feed.customerId,
        connectionId: feed.connectionId,
        feedId: feed.feedId,
        detail: { code: input.code },
      });
    }
  });
}

/**
 * Applies what an operator or the customer asked of a feed, with its timeline entry. A request that changes nothing
 * (pausing a paused feed, anything of a closed one) has none. Answers the feed after it, null when it is unknown.
 */
export async function applyFeedRequest(
  pool: Pool,
  input: { feedId: string; action: OperatorAction },
): Promise<FeedRow | null> {
  return await transaction(pool, async (db) => {
    // The connection's row before its feeds' rows, here and everywhere: no two lockers can deadlock.
    if (asksForTry(input.action)) await endHoldOff(db, input);
    const feed = await lockFeed(db, input);
    if (feed === null) return null;
    if (asksForTry(input.action)) await endWaits(db, feed);
    const transition = requestTransition(feed, input.action);
    if (transition === null) return feed;
    await applyTransition(db, feed, transition);
    return (await lockFeed(db, input)) ?? feed;
  });
}

/** A refused connection that is not to be checked for a while may be checked now; it keeps the count of its refusals. */
async function endHoldOff(db: Queryable, { feedId }: { feedId: string }): Promise<void> {
  await db.query(
    `UPDATE connections SET refused_at = refused_at - ${refusalHoldOffMax}
      WHERE status = 'refused' AND refused_at > now() - ${refusalHoldOffMax}
        AND connection_id = (SELECT connection_id FROM feeds WHERE feed_id = $1)`,
    [feedId],
  );
}

/** What the feed waits for between two attempts is due now: the attempt that has the lock, and the probe of our credentials. */
async function endWaits(db: Queryable, feed: FeedRow): Promise<void> {
  await db.query(
    `UPDATE attempts a SET not_before = NULL FROM batches b
      WHERE b.delivery_lock_id = $1 AND b.state = 'open' AND a.batch_id = b.batch_id AND a.state = 'open'
        AND a.not_before IS NOT NULL`,
    [deliveryLockOf(feed)],
  );
  if (feed.reason === credentialsRejectedReason) await letProbe(db);
}

/** The feed has nothing left to send: it is live, and due again at `nextSyncAtMs`. Answers the feed after it. */
export async function recordCaughtUp(
  pool: Pool,
  input: { feedId: string; nextSyncAtMs: number },
): Promise<FeedRow | null> {
  return await transaction(pool, async (db) => {
    const feed = await lockFeed(db, input);
    if (feed === null) return null;
    await applyTransition(db, feed, caughtUpTransition(feed, { nextSyncAtMs: input.nextSyncAtMs }));
    return await lockFeed(db, input);
  });
}

/** Writes why a feed cannot continue. `detail` is the provider's message, redacted. */
export async function recordReason(pool: Pool, input: ReasonInput): Promise<void> {
  await transaction(pool, (db) => writeReason(db, input));
}

export type ReasonInput = MetReason & { readonly feedId: string };

/** The same inside the caller's transaction. */
export async function writeReason(db: Queryable, input: ReasonInput): Promise<void> {
  const feed = await lockFeed(db, input);
  const transition = feed === null ? null : reasonTransition(feed, input);
  if (feed !== null && transition !== null) await applyTransition(db, feed, transition);
}

/** What kept the feed is over, though nothing of it was sent: a reason that passes by itself is cleared. */
export async function recordProceeds(pool: Pool, input: { feedId: string }): Promise<void> {
  await transaction(pool, async (db) => {
    const feed = await lockFeed(db, input);
    if (feed !== null && feed.reason !== null && !isBlocked(feed.reason)) {
      await writeFeed(db, feed, { reason: null });
    }
  });
}

/** A batch of another feed of the connection is retried, and this feed waits for it: it is degraded for the same cause. */
export async function recordSharedReason(
  pool: Pool,
  input: { feedId: string; ownerId: string; nextAttemptMs?: number | undefined },
): Promise<void> {
  await transaction(pool, async (db) => {
    const owner = await readFeed(db, { feedId: input.ownerId });
    const feed = await lockFeed(db, input);
    if (owner === null || feed === null) return;
    const transition = sharedReasonTransition(feed, { owner, nextAttemptMs: input.nextAttemptMs ?? null });
    if (transition !== null) await applyTransition(db, feed, transition);
  });
}
