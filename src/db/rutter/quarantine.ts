import { correctedFields, type PostingCorrection } from '../../domain/rutter/posting-correction.js';
import { discardDecision, mayHaveBlocked, releaseDecision } from '../../domain/rutter/transitions.js';
import { readPostingWithStatus, type PostingWithStatus } from './delivery-status.js';
import { lockFeed, type FeedRow } from './feeds.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';

/**
 * What an operator decides about a posting that Rutter refused, or has with other content: release it, corrected or
 * unchanged, or discard it. Each is one transaction under the feed's lock, so that no batch is built between the check
 * and the change. The feed is signaled afterwards; the next build finds a released posting in any case.
 */
export type QuarantineResult =
  /** `repeated`: the same was done before, and nothing was changed. */
  | { readonly kind: 'done'; readonly posting: PostingWithStatus; readonly repeated: boolean }
  | { readonly kind: 'unknown_feed' | 'closed' | 'unknown_posting' }
  /** Its delivery status does not allow it. */
  | { readonly kind: 'wrong_delivery_status'; readonly posting: PostingWithStatus };

interface PostingOfFeed {
  readonly feedId: string;
  readonly transactionId: string;
  /** Why, as the operator wrote it; stored in the timeline. */
  readonly reason: string;
}

/**
 * Removes a quarantined posting from the ledger, so that it is ready again and is sent, late, with the next batch, with
 * the content of `correction`. The same release again is a repeat, whatever the posting's status is meanwhile.
 */
export async function releasePosting(
  pool: Pool,
  input: PostingOfFeed & { correction: PostingCorrection },
): Promise<QuarantineResult> {
  return await changePosting(pool, input, async (db, feed, posting) => {
    const decision = releaseDecision(posting, {
      release: { ...input.correction, reason: input.reason },
      hasBlocked: await hasBlocked(db, feed, posting),
    });
    if (decision === 'repeated' || decision === 'wrong_delivery_status') return decision;
    if (decision === 'from_ledger' && !(await takeFromLedger(db, { ...input, sequence: posting.sequence })))
      return 'wrong_delivery_status';
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

/** Whether the feed is blocked by refusals of which its latest timeline entry names this posting. */
async function hasBlocked(db: Queryable, feed: FeedRow, posting: PostingWithStatus): Promise<boolean> {
  if (!mayHaveBlocked(feed, posting)) return false;
  const { rows } = await db.query<{ named: boolean }>(
    `SELECT coalesce(detail -> 'transaction_ids' ? $2, false) AS named FROM timeline
      WHERE feed_id = $1 AND kind = 'feed_blocked' ORDER BY entry_id DESC LIMIT 1`,
    [feed.feedId, posting.transactionId],
  );
  return rows[0]?.named ?? false;
}

/** Discards a quarantined posting for this feed, or accepts what Rutter has under its id. Final; a repeat changes nothing. */
export async function discardPosting(pool: Pool, input: PostingOfFeed): Promise<QuarantineResult> {
  return await changePosting(pool, input, async (db, feed, posting) => {
    const decision = discardDecision(posting, { hasBlocked: await hasBlocked(db, feed, posting) });
    if (decision === 'repeated') return decision;
    const discarded =
      decision === 'ready' ? await discardReady(db, input) : await discardQuarantined(db, input);
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

async function discardQuarantined(db: Queryable, input: PostingOfFeed): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE ledger l SET exception = 'discarded' FROM batches b
      WHERE l.feed_id = $1 AND l.transaction_id = $2 AND l.exception IN ('quarantined', 'conflict')
        AND b.batch_id = l.batch_id AND b.state <> 'open'`,
    [input.feedId, input.transactionId],
  );
  return rowCount === 1;
}

/**
 * A posting that was refused alone and made ready again is at or before the cursor, where builds read the ledger: with a
 * row there, under the feed's last refused batch, no build takes it again. One after the cursor was never refused alone.
 */
async function discardReady(db: Queryable, input: PostingOfFeed): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO ledger (feed_id, transaction_id, batch_id, position, exception)
     SELECT f.feed_id, p.transaction_id, refused.batch_id, 0, 'discarded'
       FROM feeds f JOIN postings p ON p.account_id = f.account_id AND p.transaction_id = $2, LATERAL (
         SELECT b.batch_id FROM batches b WHERE b.feed_id = f.feed_id AND b.state = 'refused'
          ORDER BY b.number DESC LIMIT 1) refused
      WHERE f.feed_id = $1 AND (p.posted_at, p.sequence) <= (f.cursor_posted_at, f.cursor_sequence)
        -- An open batch may be undone, which moves the cursor back.
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

/** Without its row the posting is ready; the next build examines from its sequence on, and finds it. */
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

/** A release without a correction replaces an earlier one: the last request decides what is sent. */
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
