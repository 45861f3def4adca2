import type { BlockReason } from '../../domain/rutter/feed.js';
import { correctedFields, type PostingCorrection } from '../../domain/posting-correction.js';
import { readPostingWithStatus, type PostingWithStatus } from './delivery-status.js';
import { lockFeed, type FeedRow } from './feeds.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';

/**
 * What a person decides about a posting that Sage refused, or has with other content: release it, corrected or as it
 * is, or discard it. Each is one transaction under the feed's lock, so that no batch is built between the check and the
 * change. The feed is signalled afterwards; a posting released is found by the next build in any case.
 */
export type QuarantineResult =
  /** `repeated`: it was done before in the same words, and nothing was changed. */
  | { readonly kind: 'done'; readonly posting: PostingWithStatus; readonly repeated: boolean }
  | { readonly kind: 'unknown_feed' | 'closed' | 'unknown_posting' }
  /** It stands in a place where this cannot be asked for. */
  | { readonly kind: 'wrong_delivery_status'; readonly posting: PostingWithStatus };

interface PostingOfFeed {
  readonly feedId: string;
  readonly transactionId: string;
  /** Why, in words of the person who asks; stands in the timeline. */
  readonly reason: string;
}

/**
 * Takes a quarantined posting out of the ledger, so that it is ready again and goes out, late, with the next batch, in
 * the words of `correction`. Asked again in the same words, wherever the posting has got to meanwhile, it is a repeat.
 */
export async function releasePosting(
  pool: Pool,
  input: PostingOfFeed & { correction: PostingCorrection },
): Promise<QuarantineResult> {
  return await changePosting(pool, input, async (db, feed, posting) => {
    if (isRepeatedRelease(posting, input)) return 'repeated';
    if (!(await isBlamed(db, feed, posting))) {
      if (posting.exception !== 'quarantined') return 'wrong_delivery_status';
      if (!(await takeFromLedger(db, { ...input, sequence: posting.sequence })))
        return 'wrong_delivery_status';
    }
    await writeRelease(db, input);
    await writeTimeline(db, {
      kind: 'posting_released',
      customerId: feed.customerId,
      connectionId: feed.connectionId,
      feedId: feed.feedId,
      detail: {
        transaction_id: input.transactionId,
        corrected: correctedFields(input.correction),
        reason: input.reason,
      },
    });
    return 'changed';
  });
}

/**
 * Whether a posting that is ready may be decided on: Sage refused so many alike that the feed was blocked and they were
 * given back, named on the timeline; it may be their own fault all the same, and then deciding on them is the way out.
 */
async function isBlamed(db: Queryable, feed: FeedRow, posting: PostingWithStatus): Promise<boolean> {
  if (feed.reason !== ('rejected_by_provider' satisfies BlockReason) || posting.place !== 'ready')
    return false;
  const { rows } = await db.query<{ named: boolean }>(
    `SELECT coalesce(detail -> 'transaction_ids' ? $2, false) AS named FROM timeline
      WHERE feed_id = $1 AND kind = 'feed_blocked' ORDER BY entry_id DESC LIMIT 1`,
    [feed.feedId, posting.transactionId],
  );
  return rows[0]?.named ?? false;
}

/** Gives a quarantined posting up for this feed, or accepts what Rutter has under its id. Final; twice is once. */
export async function discardPosting(pool: Pool, input: PostingOfFeed): Promise<QuarantineResult> {
  return await changePosting(pool, input, async (db, feed, posting) => {
    if (posting.place === 'discarded') return 'repeated';
    const blamed = await isBlamed(db, feed, posting);
    const discarded = blamed ? await discardReady(db, input) : await discardSetAside(db, input);
    if (!discarded) return 'wrong_delivery_status';
    await writeTimeline(db, {
      kind: 'posting_discarded',
      customerId: feed.customerId,
      connectionId: feed.connectionId,
      feedId: feed.feedId,
      detail: { transaction_id: input.transactionId, was: posting.exception, reason: input.reason },
    });
    return 'changed';
  });
}

async function discardSetAside(db: Queryable, input: PostingOfFeed): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE ledger l SET exception = 'discarded' FROM batches b
      WHERE l.feed_id = $1 AND l.transaction_id = $2 AND l.exception IN ('quarantined', 'conflict')
        AND b.batch_id = l.batch_id AND b.state <> 'open'`,
    [input.feedId, input.transactionId],
  );
  return rowCount === 1;
}

/**
 * A posting that was refused alone and given back lies at or before the cursor, where cuts look into the ledger: with a
 * row there, under the feed's last refused batch, none takes it up again. One beyond the cursor was never refused alone.
 */
async function discardReady(db: Queryable, input: PostingOfFeed): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO ledger (feed_id, transaction_id, batch_id, position, exception)
     SELECT f.feed_id, p.transaction_id, refused.batch_id, 0, 'discarded'
       FROM feeds f JOIN postings p ON p.account_id = f.account_id AND p.transaction_id = $2, LATERAL (
         SELECT b.batch_id FROM batches b WHERE b.feed_id = f.feed_id AND b.state = 'refused'
          ORDER BY b.number DESC LIMIT 1) refused
      WHERE f.feed_id = $1 AND (p.posted_at, p.sequence) <= (f.cursor_posted_at, f.cursor_sequence)
        -- An open batch may be undone and take the cursor back with it.
        AND NOT EXISTS (SELECT 1 FROM batches b WHERE b.feed_id = f.feed_id AND b.state = 'open')`,
    [input.feedId, input.transactionId],
  );
  return rowCount === 1;
}

type Change = 'changed' | 'repeated' | 'wrong_delivery_status';

async function changePosting(
  pool: Pool,
  input: PostingOfFeed,
  change: (db: Queryable, feed: FeedRow, posting: PostingWithStatus) => Promise<Change>,
): Promise<QuarantineResult> {
  return await transaction(pool, async (db): Promise<QuarantineResult> => {
    const feed = await lockFeed(db, input);
    if (feed === null) return { kind: 'unknown_feed' };
    const before = await readPostingWithStatus(db, input);
    if (before === null) return { kind: 'unknown_posting' };
    if (feed.facts.operator === 'closed') return { kind: 'closed' };
    const changed = await change(db, feed, before);
    if (changed === 'wrong_delivery_status') return { kind: 'wrong_delivery_status', posting: before };
    const posting = changed === 'repeated' ? before : await readPostingWithStatus(db, input);
    return { kind: 'done', posting: posting ?? before, repeated: changed === 'repeated' };
  });
}

/** It was released in these very words and is on its way, or there. */
function isRepeatedRelease(
  { release, place }: PostingWithStatus,
  { correction, reason }: { correction: PostingCorrection; reason: string },
): boolean {
  return (
    release !== null &&
    (place === 'ready' || place === 'batched' || place === 'delivered' || place === 'before_start') &&
    release.amount === correction.amount &&
    release.description === correction.description &&
    release.payee === correction.payee &&
    release.transactionType === correction.transactionType &&
    release.reason === reason
  );
}

/** Without its row the posting is ready; the next build checks from its sequence on, and finds it. */
async function takeFromLedger(
  db: Queryable,
  input: { feedId: string; transactionId: string; sequence: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `DELETE FROM ledger l USING batches b
      WHERE l.feed_id = $1 AND l.transaction_id = $2 AND l.exception = 'quarantined'
        AND b.batch_id = l.batch_id AND b.state <> 'open'`,
    [input.feedId, input.transactionId],
  );
  if (rowCount !== 1) return false;
  await db.query(
    `UPDATE feeds SET examined_sequence = least(examined_sequence, $2::bigint - 1), updated_at = now()
      WHERE feed_id = $1`,
    [input.feedId, input.sequence],
  );
  return true;
}

/** A release without a correction takes an earlier one back: what goes out is what was asked for last. */
async function writeRelease(
  db: Queryable,
  input: PostingOfFeed & { correction: PostingCorrection },
): Promise<void> {
  const { amount, description, payee, transactionType } = input.correction;
  await db.query(
    `INSERT INTO posting_corrections (feed_id, transaction_id, amount, description, payee, transaction_type, reason)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (feed_id, transaction_id) DO UPDATE
       SET amount = excluded.amount, description = excluded.description, payee = excluded.payee,
           transaction_type = excluded.transaction_type, reason = excluded.reason, at = now()`,
    [input.feedId, input.transactionId, amount, description, payee, transactionType, input.reason],
  );
}
