import type { DeliverablePosting } from '../../domain/posting.js';
import { holdDeliveryLock } from './delivery-locks.js';
import { transaction, type Pool, type Queryable } from '../pool.js';

/** An open batch with its open attempt: what a sender needs to continue it, whichever sender began it. */
export interface OpenBatch {
  readonly batchId: string;
  readonly feedId: string;
  readonly number: number;
  readonly size: number;
  readonly bodyHash: string;
  /** A part of a refused batch, which its feed's bisection plan sends again. */
  readonly bisected: boolean;
  /** The form of serialization that gave its bytes. */
  readonly bodyVersion: number;
  readonly jobId: string | null;
  readonly idempotencyKey: string;
  readonly attemptNumber: number;
  /** POSTs made under this key so far. */
  readonly posts: number;
  /** An earlier POST of this key had an unknown outcome. */
  readonly outcomeUnknown: boolean;
  /** The key's accepted request failed with a 5xx: repeating it only replays that, so the list must be read. */
  readonly inDoubt: boolean;
  /** Of any attempt, epoch ms by the database's clock: where reading back begins. */
  readonly firstPostAtMs: number;
  /** Ages by the database's clock when the row was read: no process's clock decides what is old. */
  readonly jobAgeMs: number | null;
  readonly attemptAgeMs: number;
  /** How long a renewed attempt must still wait before its first POST; 0 or less when it may be sent. */
  readonly notBeforeMs: number;
}

const selectOpenBatch = `
  SELECT b.batch_id AS "batchId", b.feed_id AS "feedId", b.number, b.size, b.body_hash AS "bodyHash",
         b.body_version AS "bodyVersion", a.job_id AS "jobId", a.idempotency_key AS "idempotencyKey",
         (SELECT f.bisection_left IS NOT NULL FROM feeds f WHERE f.feed_id = b.feed_id) AS bisected,
         a.number AS "attemptNumber", a.posts, a.outcome_unknown AS "outcomeUnknown",
         a.state = 'in_doubt' AS "inDoubt",
         floor(extract(epoch FROM
           coalesce((SELECT min(any_of.first_post_at) FROM attempts any_of WHERE any_of.batch_id = b.batch_id),
                    a.created_at)) * 1000)::float8 AS "firstPostAtMs",
         extract(epoch FROM clock_timestamp() - a.job_seen_at)::float8 * 1000 AS "jobAgeMs",
         extract(epoch FROM clock_timestamp() - a.created_at)::float8 * 1000 AS "attemptAgeMs",
         ceil(coalesce(extract(epoch FROM a.not_before - clock_timestamp()), 0) * 1000)::float8 AS "notBeforeMs"
    FROM batches b JOIN attempts a ON a.batch_id = b.batch_id AND a.state IN ('open', 'in_doubt')`;

/** The delivery lock's open batch, of any feed; null when the delivery lock is free. */
export async function readOpenBatch(
  db: Queryable,
  input: { deliveryLockId: string },
): Promise<OpenBatch | null> {
  const { rows } = await db.query<OpenBatch>(
    `${selectOpenBatch} WHERE b.delivery_lock_id = $1 AND b.state = 'open' ORDER BY a.number DESC LIMIT 1`,
    [input.deliveryLockId],
  );
  return rows[0] ?? null;
}

/**
 * A {@link DeliverablePosting}: the content of posting `p` that is sent to the feed of correction `c`: its own fields, except those that an operator
 * corrected when releasing it from quarantine. Neither changes while the posting is in a batch.
 */
export const postingColumns = `
  p.transaction_id AS "transactionId", p.sequence, p.posted_at AS "postedAt", p.booking_day AS "bookingDay",
  p.send_at AS "sendAt", coalesce(c.amount, p.amount) AS amount,
  coalesce(c.description, p.description) AS description, coalesce(c.payee, p.payee) AS payee,
  coalesce(c.transaction_type, p.transaction_type) AS "transactionType"`;

/** To be joined where {@link postingColumns} are read; the feed's id is the given expression. */
export function correctionsOf(feedId: string): string {
  return `LEFT JOIN posting_corrections c ON c.feed_id = ${feedId} AND c.transaction_id = p.transaction_id`;
}

/** The postings of a batch in the order in which they were built: posted rows are immutable, so the bytes are too. */
export async function readBatchPostings(
  db: Queryable,
  input: { batchId: string },
): Promise<DeliverablePosting[]> {
  const { rows } = await db.query<DeliverablePosting>(
    `SELECT ${postingColumns}
       FROM ledger l JOIN feeds f USING (feed_id)
       JOIN postings p ON p.account_id = f.account_id AND p.transaction_id = l.transaction_id
            ${correctionsOf('l.feed_id')}
      WHERE l.batch_id = $1 ORDER BY l.position`,
    [input.batchId],
  );
  return rows;
}

/** The sender that acts on an open batch: only the holder of its delivery lock may end it. */
export interface HeldBatch {
  readonly batch: OpenBatch;
  readonly deliveryLockId: string;
  readonly holder: string;
}

/** A refusal with the provider message (redacted), as it is stored with the attempt. */
export interface StoredRefusal {
  readonly httpStatus: number | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly jobId?: string | null | undefined;
}

/**
 * Undoes a batch that certainly is not at Rutter, in one transaction: its postings are ready again, the cursor is
 * where it was before. Answers false when the delivery lock is lost or the batch is not open: then nothing was changed.
 */
export async function undoBatch(
  pool: Pool,
  input: HeldBatch & { readonly refusal: StoredRefusal | null },
): Promise<boolean> {
  return await transaction(pool, async (db) => {
    if (!(await closeBatch(db, { ...input, state: 'undone' }))) return false;
    await giveBackPostings(db, input);
    return true;
  });
}

/** Closes an open batch with nothing synced; the caller decides about its postings in the same transaction. */
export async function closeBatch(
  db: Queryable,
  input: HeldBatch & { readonly state: 'undone' | 'refused'; readonly refusal: StoredRefusal | null },
): Promise<boolean> {
  if (!(await holdDeliveryLock(db, input))) return false;
  const { batch, refusal } = input;
  const { rowCount } = await db.query(
    `UPDATE batches SET state = $2, completed_at = now() WHERE batch_id = $1 AND state = 'open'`,
    [batch.batchId, input.state],
  );
  if (rowCount !== 1) return false;
  await db.query(
    `UPDATE attempts SET state = 'nothing_synced', final_at = now(), http_status = coalesce($2, http_status),
            error_code = coalesce($3, error_code), error_message = coalesce($4, error_message),
            job_id = coalesce(job_id, $5)
      WHERE batch_id = $1 AND state IN ('open', 'in_doubt')`,
    [
      batch.batchId,
      refusal?.httpStatus ?? null,
      refusal?.errorCode ?? null,
      refusal?.errorMessage ?? null,
      refusal?.jobId ?? null,
    ],
  );
  return true;
}

/** The postings of a batch that was closed without effect are ready again, with the cursor that the feed had before it was built. */
export async function giveBackPostings(
  db: Queryable,
  input: { batch: Pick<OpenBatch, 'batchId'> },
): Promise<void> {
  const { batchId } = input.batch;
  await db.query(`DELETE FROM ledger WHERE batch_id = $1`, [batchId]);
  await db.query(
    `UPDATE feeds f SET cursor_posted_at = b.cursor_before_posted_at, cursor_sequence = b.cursor_before_sequence,
            examined_sequence = least(f.examined_sequence, b.examined_sequence_before), updated_at = now()
       FROM batches b WHERE b.batch_id = $1 AND f.feed_id = b.feed_id`,
    [batchId],
  );
}

/**
 * The job of the newest other batch of the connection that had one; null when there is none. We
 * assume that it has ended; a refusal without another explanation is a reason to check. One whose outcome was unknown
 * (abandoned, for example) is left out: it may stay "pending" forever, and Rutter's list has decided it.
 */
export async function readLastJob(
  db: Queryable,
  input: { connectionId: string; batchId: string },
): Promise<string | null> {
  const { rows } = await db.query<{ job_id: string }>(
    `SELECT last.job_id FROM feeds f, LATERAL (
       SELECT b.built_at, a.job_id FROM batches b JOIN attempts a USING (batch_id)
        WHERE b.feed_id = f.feed_id AND b.batch_id <> $2 AND a.job_id IS NOT NULL AND NOT a.outcome_unknown
        ORDER BY b.number DESC, a.number DESC LIMIT 1) last
      WHERE f.connection_id = $1 ORDER BY last.built_at DESC LIMIT 1`,
    [input.connectionId, input.batchId],
  );
  return rows[0]?.job_id ?? null;
}
