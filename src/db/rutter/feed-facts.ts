import { feedState, type AccountFact, type OperatorAction } from '../../domain/feed.js';
import { isBlocked } from '../../domain/rutter/feed.js';
import { lockFeed, lockFeedsOfConnection, writeFeed, type FeedChange, type FeedRow } from './feeds.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';

/** What Rutter says of one bank feed account, reduced to what decides. */
export interface AccountSeen {
  readonly rutterAccountId: string;
  /** `feed_status` active and `transaction_ready`: postings may be sent. */
  readonly ready: boolean;
  /** ISO instant, UTC; what the customer chose in Sage. */
  readonly transactionStartDate: string | null;
}

export interface ConnectionCheck {
  /** Feeds that may send since their facts changed and have not begun yet: to be woken (again). */
  readonly requestedFeedIds: readonly string[];
  /** Feeds whose account waits for its activation, or was disconnected in Sage. */
  readonly awaitedCount: number;
}

/**
 * Takes over what a complete list of the connection's accounts says, in one transaction with its timeline rows. The
 * caller knows that the connection is not refused: one that was is healed. Repeating it changes nothing; feeds stay
 * with a requested check until their delivery run has begun, so a caller that died before waking them is made up for.
 */
export async function recordAccountsSeen(
  pool: Pool,
  input: { connectionId: string; accounts: readonly AccountSeen[] },
): Promise<ConnectionCheck> {
  const seen = new Map(input.accounts.map((account) => [account.rutterAccountId, account]));
  return await transaction(pool, async (db) => {
    // The connection's row before its feeds' rows, here and everywhere: no two lockers can deadlock.
    await healConnection(db, input);
    const requestedFeedIds: string[] = [];
    let awaitedCount = 0;
    for (const feed of await lockFeedsOfConnection(db, input)) {
      const { account, checkRequested } = await takeOverAccount(
        db,
        feed,
        seen.get(feed.rutterAccountId ?? ''),
      );
      if (account !== 'active') awaitedCount += 1;
      else if (checkRequested) requestedFeedIds.push(feed.feedId);
    }
    return { requestedFeedIds, awaitedCount };
  });
}

/** The same for one account alone, as read with a feed's daily look; it heals no connection. */
export async function recordAccountSeen(
  pool: Pool,
  input: { feedId: string; account: AccountSeen },
): Promise<void> {
  await transaction(pool, async (db) => {
    const feed = await lockFeed(db, input);
    if (feed === null || feed.facts.operator === 'closed') return;
    await takeOverAccount(db, feed, input.account);
  });
}

async function healConnection(db: Queryable, input: { connectionId: string }): Promise<void> {
  await db.query(
    `UPDATE connections SET status = 'ok', provider_status = NULL, status_reason = NULL, updated_at = now()
      WHERE connection_id = $1 AND status <> 'ok'`,
    [input.connectionId],
  );
}

/**
 * Takes over one account's facts. One that is missing from a complete list is as good as disconnected, but for a feed
 * that still waits: its row may be younger than the list. A feed whose stored state is not what its facts say now was
 * blocked by its connection, whoever healed that.
 */
async function takeOverAccount(
  db: Queryable,
  feed: FeedRow,
  seen: AccountSeen | undefined,
): Promise<{ account: AccountFact; checkRequested: boolean }> {
  const before = feed.facts.account;
  // Without a date there is no telling what of the past was asked for: nothing goes out until Sage says.
  const ready = seen?.ready === true && (seen.transactionStartDate ?? feed.transactionStartDate) !== null;
  const account: AccountFact = ready ? 'active' : before === 'waiting' ? 'waiting' : 'inactive';
  const startDate = startDateChange(feed, account, seen);
  const healed = feed.state !== feedState(feed.facts);
  if (account === before && !healed && startDate === null)
    return { account, checkRequested: feed.checkRequested };
  const activated = account === 'active' && before !== 'active';
  // A feed that was linked again has a past to catch up with: it is backfilling until then.
  const catchUp: FeedChange = activated ? { caughtUp: false } : {};
  const checkRequested = account === 'active';
  await writeFeed(db, feed, { account, ...startDate, ...catchUp, checkRequested });
  await writeTimeline(db, {
    kind: timelineKind({ before, account, healed }),
    customerId: feed.customerId,
    connectionId: feed.connectionId,
    feedId: feed.feedId,
    detail: account === 'active' ? { transaction_start_date: seen?.transactionStartDate ?? null } : {},
  });
  return { account, checkRequested };
}

function timelineKind(input: { before: string; account: string; healed: boolean }): string {
  if (input.account !== input.before)
    return input.account === 'active' ? 'feed_activated' : 'feed_disconnected';
  return input.healed ? 'connection_healed' : 'start_date_changed';
}

/** The start date counts from the moment the account is ready; an earlier one than before opens older postings. */
function startDateChange(
  feed: FeedRow,
  account: AccountFact,
  seen: AccountSeen | undefined,
): FeedChange | null {
  const date = seen?.transactionStartDate ?? null;
  if (account !== 'active' || date === null || sameInstant(date, feed.transactionStartDate)) return null;
  const earlier =
    feed.transactionStartDate !== null && Date.parse(date) < Date.parse(feed.transactionStartDate);
  return { transactionStartDate: date, reexamine: earlier };
}

function sameInstant(left: string, right: string | null): boolean {
  return right !== null && Date.parse(left) === Date.parse(right);
}

/**
 * The provider refuses the connection: it and all its feeds are blocked until it is re-authorised. Ingestion goes on.
 * `code` and `words` are the provider's, already redacted.
 */
export async function recordConnectionRefused(
  pool: Pool,
  input: { connectionId: string; code: string; words: string | null },
): Promise<void> {
  await transaction(pool, async (db) => {
    const { rowCount } = await db.query(
      `UPDATE connections SET status = 'refused', provider_status = $2, status_reason = $3, updated_at = now(),
              refused_times = CASE WHEN refused_at > now() - interval '1 day' THEN refused_times + 1 ELSE 1 END,
              refused_at = now()
        WHERE connection_id = $1 AND status <> 'refused'`,
      [input.connectionId, input.code, input.words],
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

const actionChanges: Record<OperatorAction, FeedChange> = {
  pause: { operator: 'paused', syncing: false },
  // Both say "try again": whatever reason the feed was blocked for is asked again.
  resume: { operator: 'running', reason: null },
  sync: { reason: null },
  close: { operator: 'closed', syncing: false, reason: null },
};

/**
 * Does what an operator or the customer asked of a feed, with its timeline row. A request that changes nothing
 * (pausing a paused feed, anything of a closed one) is no event. Answers the feed as it was found, null when unknown.
 */
export async function applyFeedRequest(
  pool: Pool,
  input: { feedId: string; action: OperatorAction },
): Promise<FeedRow | null> {
  return await transaction(pool, async (db) => {
    const feed = await lockFeed(db, input);
    if (feed === null || feed.facts.operator === 'closed') return feed;
    const change = actionChanges[input.action];
    await writeFeed(db, feed, change);
    const forgets = change.reason === null && feed.reason !== null;
    const silent = change.operator === feed.facts.operator && !forgets;
    if (!silent) {
      await writeTimeline(db, {
        kind: `${input.action}_requested`,
        customerId: feed.customerId,
        connectionId: feed.connectionId,
        feedId: feed.feedId,
      });
    }
    return (await lockFeed(db, input)) ?? feed;
  });
}

/** The feed has nothing left to send: it is live, and due again at `nextSyncAtMs`. Answers the feed as it stands then. */
export async function recordCaughtUp(
  pool: Pool,
  input: { feedId: string; nextSyncAtMs: number },
): Promise<FeedRow | null> {
  return await transaction(pool, async (db) => {
    const feed = await lockFeed(db, input);
    if (feed === null) return null;
    const first = !feed.facts.caughtUp;
    await writeFeed(db, feed, {
      caughtUp: true,
      syncing: false,
      syncedNow: true,
      nextSyncAtMs: input.nextSyncAtMs,
      reason: null,
    });
    if (first) {
      await writeTimeline(db, {
        kind: 'caught_up',
        customerId: feed.customerId,
        connectionId: feed.connectionId,
        feedId: feed.feedId,
      });
    }
    return await lockFeed(db, input);
  });
}

/**
 * Writes why a feed cannot go on, in words of the provider (redacted, for people). `timeline` for what a person must
 * act on; a passing failure only stands in the row until the next success.
 */
export async function recordReason(pool: Pool, input: ReasonInput): Promise<void> {
  await transaction(pool, (db) => writeReason(db, input));
}

export interface ReasonInput {
  readonly feedId: string;
  readonly reason: string;
  readonly detail: string | null;
  readonly timeline: boolean;
  /** Ids and codes that stand in the timeline's row besides the reason. */
  readonly about?: Readonly<Record<string, unknown>>;
  /** The row as the teller knew it: when the feed has caught up since, the failure is over and nothing is written. */
  readonly asOf?: FeedRow;
}

/** The same inside a transaction of the caller's. */
export async function writeReason(db: Queryable, input: ReasonInput): Promise<void> {
  const feed = await lockFeed(db, input);
  if (feed === null) return;
  // A passing failure never hides what a person must act on.
  if (!input.timeline && isBlocked(feed.reason)) return;
  if (input.asOf !== undefined && input.asOf.nextSyncAt !== feed.nextSyncAt) return;
  await writeFeed(db, feed, { reason: input.reason, reasonDetail: input.detail, syncing: false });
  if (!input.timeline || feed.reason === input.reason) return;
  await writeTimeline(db, {
    kind: 'feed_blocked',
    customerId: feed.customerId,
    connectionId: feed.connectionId,
    feedId: feed.feedId,
    detail: { reason: input.reason, ...input.about },
  });
}
