import { randomUUID } from 'node:crypto';
import { deliveryLockOf } from '../../domain/rutter/delivery-lock.js';
import { deliveryLimits } from '../../domain/rutter/delivery-limits.js';
import type { DeliverablePosting } from '../../domain/posting.js';
import { nextPart, type BatchPart, type BisectionPlan } from '../../domain/rutter/bisection-plan.js';
import { readOpenBatch, type OpenBatch } from './batches.js';
import { lockFeed, type FeedRow } from './feeds.js';
import { releaseDeliveryLock, takeDeliveryLock } from './delivery-locks.js';
import { restoreSendOrder } from './send-order.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { holdPossibleDuplicates } from './possible-duplicates.js';
import { keepsBackColumn } from './posting-holds.js';
import { freshPostings, latePostings } from './ready-postings.js';
import { endBisection, bisectionColumns, bisectionFrom, type RawBisection } from './bisection-plans.js';

/** Serializes postings to the bytes that will be sent; pure, so that a repeat in the same version yields the same. */
export type SerializePostings = (input: {
  rutterAccountId: string;
  postings: readonly DeliverablePosting[];
}) => { readonly body: string; readonly sha256: string; readonly version: number };

export interface BuildBatchInput {
  readonly feedId: string;
  readonly deliveryLockId: string;
  readonly holder: string;
  readonly serialize: SerializePostings;
  readonly maySend: (feed: FeedRow) => boolean;
}

export type BuildBatchResult =
  | {
      readonly kind: 'built';
      readonly batch: OpenBatch;
      readonly postings: DeliverablePosting[];
      readonly body: string;
      readonly version: number;
    }
  /** `yieldTo`: it is that feed's turn: wake it. */
  | { readonly kind: 'lock_busy'; readonly yieldTo: string | null }
  | { readonly kind: 'lock_held'; readonly batch: OpenBatch }
  /** Some of the next postings may be in Sage already and are held now: build again. */
  | { readonly kind: 'held_back'; readonly held: number }
  | { readonly kind: 'nothing_ready'; readonly feed: FeedRow }
  | { readonly kind: 'not_sendable'; readonly feed: FeedRow };

/**
 * Takes the delivery lock and, if no batch of it is open, builds the feed's next one: up to 1000 ready postings from the start
 * day on, in the order (send time, sequence), late ones first. The batch, the hash of its body, its first attempt
 * with a fresh key and the ledger rows are stored in one transaction, before anything is sent.
 */
export async function buildBatch(pool: Pool, input: BuildBatchInput): Promise<BuildBatchResult> {
  return await transaction(pool, async (db): Promise<BuildBatchResult> => {
    const lock = await takeDeliveryLock(db, { ...input, leaseMs: deliveryLimits.leaseMs });
    if (!lock.taken) return { kind: 'lock_busy', yieldTo: lock.yieldTo };
    const open = await readOpenBatch(db, input);
    if (open !== null) return { kind: 'lock_held', batch: open };
    const feed = await mustLock(db, input);
    if (!input.maySend(feed)) {
      await releaseDeliveryLock(db, input);
      return { kind: 'not_sendable', feed };
    }
    const next = await nextPostings(db, feed);
    const held = await holdPossibleDuplicates(db, { feed, postings: next.postings });
    if (held > 0) {
      await releaseDeliveryLock(db, input);
      return { kind: 'held_back', held };
    }
    if (next.postings.length === 0) {
      await markExamined(db, feed, next.examined);
      await releaseDeliveryLock(db, input);
      return { kind: 'nothing_ready', feed };
    }
    const { body, sha256, version } = input.serialize({
      rutterAccountId: feed.rutterAccountId ?? '',
      postings: next.postings,
    });
    const batch = await insertBatch(db, { feed, ...next, bodyHash: sha256, bodyVersion: version });
    return { kind: 'built', batch, postings: next.postings, body, version };
  });
}

async function mustLock(db: Queryable, input: { feedId: string }): Promise<FeedRow> {
  const feed = await lockFeed(db, input);
  if (feed === null) throw new Error('the feed does not exist');
  return feed;
}

interface NextPostings {
  readonly postings: DeliverablePosting[];
  /** How many of them, at the head, lie at or before the cursor. */
  readonly lateCount: number;
  /** The new `examined_sequence`. */
  readonly examined: string;
  /** Whether they are a part of a refused batch. */
  readonly bisected: boolean;
}

/**
 * What is ready, without scanning what was delivered: beyond the cursor everything posted is ready; at or before it
 * only postings of a sequence above `examined_sequence` can be new (late arrivals, or all after a reexamination),
 * and the ledger says which (found by the index of the order of arrival, which `account_id || ''` names). Sequences
 * become visible in order per account, so what was examined stays so.
 */
async function nextPostings(db: Queryable, feed: FeedRow): Promise<NextPostings> {
  const { rows } = await db.query<
    RawBisection & { last_sequence: string; keeps_back: boolean; ordered: boolean }
  >(
    `SELECT a.last_sequence, ${keepsBackColumn}, ${bisectionColumns},
            f.ordered_batch_number >= coalesce((SELECT max(number) FROM batches WHERE feed_id = $1), 0) AS ordered
       FROM feeds f JOIN accounts a USING (account_id) WHERE f.feed_id = $1`,
    [feed.feedId],
  );
  if (rows[0]?.ordered === false) {
    await restoreSendOrder(db, feed);
    return await nextPostings(db, await mustLock(db, feed));
  }
  const plan = bisectionFrom(rows[0]);
  const examinable = lesser(rows[0]?.last_sequence ?? '0', plan?.sequenceMax);
  const postingsMax = Math.min(
    plan?.left ?? deliveryLimits.batchPostingsMax,
    deliveryLimits.batchPostingsMax,
  );
  const keepsBack = rows[0]?.keeps_back ?? false;
  const late = await latePostings(db, { feed, examinable, postingsMax, keepsBack });
  const room = postingsMax - late.length;
  const fresh = room === 0 ? [] : await freshPostings(db, { feed, postingsMax: room, keepsBack, plan });
  if (plan !== null && late.length + fresh.length === 0) {
    // What was left of the refused batch is not ready any more: postings that are still suspected are sent again.
    await endBisection(db, feed);
    return await nextPostings(db, await mustLock(db, feed));
  }
  const ready = [...late, ...fresh];
  const { offset, size } = partOf(plan, ready);
  const postings = ready.slice(offset, offset + size);
  const skipped = ready.slice(0, offset);
  const mayHaveMoreLate = room === 0 || offset + postings.length < late.length;
  return {
    postings,
    lateCount: Math.min(Math.max(late.length - offset, 0), postings.length),
    // There may be more late ones behind these, and those skipped may be late now: check their sequences again next time.
    examined: skipped.reduce<string>(
      (examined, { sequence }) => lesser(examined, String(BigInt(sequence) - 1n)),
      mayHaveMoreLate ? feed.examinedSequence : examinable,
    ),
    bisected: plan !== null,
  };
}

/** A refused batch is sent again in parts. */
function partOf(plan: BisectionPlan | null, ready: readonly DeliverablePosting[]): BatchPart {
  if (plan === null) return { offset: 0, size: ready.length };
  return nextPart(
    plan,
    ready.map((posting) => posting.transactionId),
  );
}

function lesser(sequence: string, max: string | null | undefined): string {
  return max === null || max === undefined || BigInt(sequence) < BigInt(max) ? sequence : max;
}

async function markExamined(db: Queryable, feed: FeedRow, examined: string): Promise<void> {
  if (examined === feed.examinedSequence) return;
  await db.query(
    `UPDATE feeds SET examined_sequence = $2, examined_by_day_sequence = $2 WHERE feed_id = $1`,
    [feed.feedId, examined],
  );
}

interface InsertBatchInput extends NextPostings {
  readonly feed: FeedRow;
  readonly bodyHash: string;
  readonly bodyVersion: number;
}

/** Stores batch, attempt, ledger rows and the moved cursor in one statement. */
async function insertBatch(db: Queryable, input: InsertBatchInput): Promise<OpenBatch> {
  const { feed, postings } = input;
  const first = postings[0];
  const last = postings.at(-1);
  if (first === undefined || last === undefined) throw new Error('a batch has at least one posting');
  // A batch of late postings alone leaves the cursor where it is.
  const cursor = postings.length > input.lateCount ? last : null;
  const batchId = randomUUID();
  const idempotencyKey = randomUUID();
  const { rows } = await db.query<{ number: number; created_at: string }>(
    `WITH batch AS (
       INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash, body_version,
                            first_posted_at, last_posted_at, cursor_before_posted_at, cursor_before_sequence,
                            examined_sequence_before, bisected)
       SELECT $1, f.feed_id, f.connection_id, $3, 1 + coalesce((SELECT max(number) FROM batches WHERE feed_id = $2), 0),
              $4, $5, $14, $6, $7, f.cursor_posted_at, f.cursor_sequence,
              least(f.examined_sequence, f.examined_by_day_sequence), $15::boolean
         FROM feeds f WHERE f.feed_id = $2 RETURNING number
     ), attempt AS (
       INSERT INTO attempts (idempotency_key, batch_id, number, posts, first_post_at, last_post_at)
       VALUES ($8, $1, 1, 1, now(), now()) RETURNING created_at
     ), entries AS (
       INSERT INTO ledger (feed_id, transaction_id, batch_id, position, late)
       SELECT $2, id, $1, n - 1, n <= $9 FROM unnest($10::text[]) WITH ORDINALITY AS t (id, n)
     ), moved AS (
       UPDATE feeds SET examined_sequence = $11, examined_by_day_sequence = $11, ordered_batch_number = batch.number,
              cursor_posted_at = coalesce($12, cursor_posted_at), cursor_sequence = coalesce($13, cursor_sequence),
              syncing = true, state = CASE WHEN state = 'live' THEN 'syncing' ELSE state END, updated_at = now()
         FROM batch WHERE feed_id = $2
     )
     SELECT number, created_at FROM batch, attempt`,
    [
      batchId,
      feed.feedId,
      deliveryLockOf(feed),
      postings.length,
      input.bodyHash,
      first.sendAt,
      last.sendAt,
      idempotencyKey,
      input.lateCount,
      postings.map((posting) => posting.transactionId),
      input.examined,
      cursor?.sendAt ?? null,
      cursor?.sequence ?? null,
      input.bodyVersion,
      input.bisected,
    ],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('the batch was not stored');
  return {
    batchId,
    feedId: feed.feedId,
    number: row.number,
    size: postings.length,
    bodyHash: input.bodyHash,
    bisected: input.bisected,
    bodyVersion: input.bodyVersion,
    jobId: null,
    idempotencyKey,
    attemptNumber: 1,
    posts: 1,
    outcomeUnknown: false,
    inDoubt: false,
    firstPostAtMs: Date.parse(row.created_at),
    jobAgeMs: null,
    attemptAgeMs: 0,
    notBeforeMs: 0,
  };
}
