import { randomUUID } from 'node:crypto';
import type { HeldBatch, OpenBatch, StoredRefusal } from './batches.js';
import { holdDeliveryLock } from './delivery-locks.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { blockReasons } from '../../domain/rutter/feed.js';
import { planAfterAccepted, stopText } from '../../domain/rutter/bisection-plan.js';
import { lockBisectionPlan, writeBisectionPlan } from './bisection-plans.js';
import { writeReason } from './feed-facts.js';

/** Postings of a delivered batch whose outcome differs from the batch's. */
export interface BatchExceptions {
  /** Rutter had them before, with our content: delivered. */
  readonly duplicates: readonly string[];
  /** Delivered, and Rutter shows them with other text. Our description of what differs. */
  readonly altered: readonly { readonly transactionId: string; readonly detail: string }[];
  /** Rutter has them with other content, or under another id: for a person to decide. */
  readonly conflicts: readonly { readonly transactionId: string; readonly detail: string }[];
  /** Not in Rutter's own list: they become ready again and are sent, marked late, in a later batch. */
  readonly missing: readonly string[];
}

export interface CompleteBatchInput extends HeldBatch {
  readonly evidence: 'answer' | 'job' | 'read_back';
  readonly jobId: string | null;
  readonly httpStatus: number | null;
  readonly exceptions: BatchExceptions;
}

/**
 * Completes a batch on evidence: batch and attempt get their final outcome, exceptions are written row by row, the
 * delivery lock is released and the timeline written, all in one transaction; postings of the same refused batch that were only
 * suspected are quarantined by it. Writing facts needs no lease: any sender with
 * evidence may complete it; a repeat changes nothing. Answers whether this call completed it.
 */
export async function completeBatch(pool: Pool, input: CompleteBatchInput): Promise<boolean> {
  const { exceptions } = input;
  const { duplicates, altered, conflicts, missing } = exceptions;
  const count = duplicates.length + altered.length + conflicts.length + missing.length;
  if (count === 0 && !input.batch.bisected) return await completeWhole(pool, input);
  return await transaction(pool, async (db) => {
    if (!(await completeWhole(db, input))) return false;
    if (count > 0) await writeExceptions(db, input);
    if (input.batch.bisected) await advancePlan(db, input);
    return true;
  });
}

/** A part of a refused batch was accepted: fewer postings are undecided now, or the feed is blocked by the plan's limit. */
async function advancePlan(db: Queryable, { batch }: CompleteBatchInput): Promise<void> {
  const { feedId, batchId } = batch;
  const plan = await lockBisectionPlan(db, { feedId });
  if (plan === null) return;
  const { rows } = await db.query<{ transaction_id: string }>(
    `SELECT transaction_id FROM ledger WHERE batch_id = $1`,
    [batchId],
  );
  const step = planAfterAccepted(plan, { transactionIds: rows.map((row) => row.transaction_id) });
  await writeBisectionPlan(db, { feedId, plan: step.kind === 'continue' ? step.plan : null });
  if (step.kind !== 'stop') return;
  await writeReason(db, {
    feedId,
    reason: 'rejected_by_provider',
    detail: stopText(step.why),
    timeline: true,
    about: { transaction_ids: [] },
  });
}

async function completeWhole(db: Queryable, input: CompleteBatchInput): Promise<boolean> {
  const { exceptions } = input;
  const delivered = input.batch.size - exceptions.missing.length - exceptions.conflicts.length;
  const { rows } = await db.query(
    `WITH completed AS (
       UPDATE batches SET state = 'delivered', delivered_count = $2, evidence = $3, job_id = $4, completed_at = now()
        WHERE batch_id = $1 AND state = 'open' RETURNING feed_id, connection_id, number, size
     ), attempt AS (
       UPDATE attempts SET state = 'delivered', final_at = now(), job_id = coalesce($4, job_id), http_status = $5
        WHERE idempotency_key = $6 AND EXISTS (SELECT 1 FROM completed)
     ), recorded AS (
       -- The reason of the feed is cleared: its batch was accepted. If another feed's sender completed it, this feed's
       -- workflow may sleep for a day: a check is requested.
       UPDATE feeds f SET reason = NULL, reason_detail = NULL, degraded_since = NULL, degraded_cause = NULL,
              next_attempt_at = NULL,
              check_requested = f.check_requested OR coalesce(f.reason = ANY ($10), false)
         FROM completed s WHERE f.feed_id = s.feed_id AND f.reason IS NOT NULL
     ), quarantined AS (
       -- Another posting of their batch was accepted: a posting that was refused alone is itself the cause.
       UPDATE ledger l SET exception = 'quarantined' FROM completed s
        WHERE l.feed_id = s.feed_id AND l.exception = 'suspected' RETURNING l.transaction_id, l.batch_id
     ), lock AS (
       UPDATE delivery_locks SET holder = NULL, lease_until = NULL WHERE delivery_lock_id = $7 AND holder = $8
     )
     INSERT INTO timeline (customer_id, connection_id, feed_id, kind, detail)
     SELECT f.customer_id, s.connection_id, s.feed_id, 'posting_quarantined', jsonb_build_object(
              'transaction_id', q.transaction_id, 'code', (
                SELECT a.error_code FROM attempts a WHERE a.batch_id = q.batch_id ORDER BY a.number DESC LIMIT 1))
       FROM quarantined q CROSS JOIN completed s JOIN feeds f USING (feed_id)
     UNION ALL
     SELECT f.customer_id, s.connection_id, s.feed_id, 'batch_delivered', $9::jsonb
            || jsonb_build_object('number', s.number, 'size', s.size, 'delivered', $2::int)
       FROM completed s JOIN feeds f USING (feed_id)
     RETURNING entry_id`,
    [
      input.batch.batchId,
      delivered,
      input.evidence,
      input.jobId,
      input.httpStatus,
      input.batch.idempotencyKey,
      input.deliveryLockId,
      input.holder,
      JSON.stringify({
        evidence: input.evidence,
        duplicates: exceptions.duplicates.length,
        altered: exceptions.altered.length,
        conflicts: exceptions.conflicts.length,
        missing: exceptions.missing.length,
      }),
      blockReasons,
    ],
  );
  return rows.length > 0;
}

async function writeExceptions(db: Queryable, input: CompleteBatchInput): Promise<void> {
  const { batch, exceptions } = input;
  await db.query(
    `UPDATE ledger SET exception = 'duplicate' WHERE feed_id = $1 AND batch_id = $2 AND transaction_id = ANY ($3)`,
    [batch.feedId, batch.batchId, exceptions.duplicates],
  );
  await writeRemarks(db, batch, { exception: 'conflict', remarks: exceptions.conflicts });
  if (exceptions.altered.length > 0) {
    await writeRemarks(db, batch, { exception: 'altered', remarks: exceptions.altered });
    await db.query(`UPDATE feeds SET altered_count = altered_count + $2 WHERE feed_id = $1`, [
      batch.feedId,
      exceptions.altered.length,
    ]);
  }
  if (exceptions.missing.length === 0) return;
  await db.query(
    `WITH gone AS (
       DELETE FROM ledger WHERE feed_id = $1 AND batch_id = $2 AND transaction_id = ANY ($3) RETURNING transaction_id
     )
     UPDATE feeds f SET examined_sequence = least(f.examined_sequence, (
              SELECT min(p.sequence) - 1 FROM postings p JOIN gone USING (transaction_id)
               WHERE p.account_id = f.account_id))
      WHERE f.feed_id = $1`,
    [batch.feedId, batch.batchId, exceptions.missing],
  );
}

async function writeRemarks(
  db: Queryable,
  batch: OpenBatch,
  input: { exception: 'altered' | 'conflict'; remarks: BatchExceptions['altered'] },
): Promise<void> {
  await db.query(
    `UPDATE ledger l SET exception = $3, detail = r.detail
       FROM unnest($4::text[], $5::text[]) AS r (transaction_id, detail)
      WHERE l.feed_id = $1 AND l.batch_id = $2 AND l.transaction_id = r.transaction_id`,
    [
      batch.feedId,
      batch.batchId,
      input.exception,
      input.remarks.map((remark) => remark.transactionId),
      input.remarks.map((remark) => remark.detail),
    ],
  );
}

/** Stores the job id at once, so that the next sender polls instead of posting. */
export async function recordJob(db: Queryable, input: { batch: OpenBatch; jobId: string }): Promise<void> {
  await db.query(
    `UPDATE attempts SET job_id = $2, job_seen_at = coalesce(job_seen_at, now()) WHERE idempotency_key = $1`,
    [input.batch.idempotencyKey, input.jobId],
  );
}

/**
 * Counts one more POST under the open key, before it is made. Answers false when the key is no longer open or the
 * lease no longer ours: then nothing may be sent.
 */
export async function recordPost(db: Queryable, input: HeldBatch): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE attempts SET posts = posts + 1, last_post_at = now(), first_post_at = coalesce(first_post_at, now())
      WHERE idempotency_key = $1 AND state IN ('open', 'in_doubt')
        AND EXISTS (SELECT 1 FROM delivery_locks WHERE delivery_lock_id = $2 AND holder = $3 AND lease_until >= clock_timestamp())`,
    [input.batch.idempotencyKey, input.deliveryLockId, input.holder],
  );
  return rowCount === 1;
}

/** Records that a POST under the open key had an unknown outcome, and its HTTP status and job id if known. */
export async function recordUnknownOutcome(
  db: Queryable,
  input: { batch: OpenBatch; httpStatus: number | null; message: string; accepted: boolean },
): Promise<void> {
  await db.query(
    `UPDATE attempts SET outcome_unknown = true, state = CASE WHEN $4 THEN 'in_doubt' ELSE state END,
            http_status = $2, error_message = $3
      WHERE idempotency_key = $1 AND state IN ('open', 'in_doubt')`,
    [input.batch.idempotencyKey, input.httpStatus, input.message, input.accepted],
  );
}

/**
 * The open attempt ended with the final outcome "nothing was synced": it is closed and the same bytes get a new
 * attempt under a new key, not to be sent before `waitMs` have passed, in one transaction and only while the delivery lock is
 * ours. Answers the key, or null when the delivery lock is lost.
 */
export async function renewAttempt(
  pool: Pool,
  input: HeldBatch & { readonly outcome: StoredRefusal; readonly waitMs: number },
): Promise<string | null> {
  const { batch, outcome } = input;
  return await transaction(pool, async (db) => {
    if (!(await holdDeliveryLock(db, input))) return null;
    const closed = await db.query(
      `UPDATE attempts SET state = 'nothing_synced', final_at = now(), http_status = $2, error_code = $3,
              error_message = $4
        WHERE idempotency_key = $1 AND state IN ('open', 'in_doubt')`,
      [batch.idempotencyKey, outcome.httpStatus, outcome.errorCode, outcome.errorMessage],
    );
    if (closed.rowCount !== 1) return null;
    const idempotencyKey = randomUUID();
    await db.query(
      `INSERT INTO attempts (idempotency_key, batch_id, number, not_before)
       VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond')`,
      [idempotencyKey, batch.batchId, batch.attemptNumber + 1, input.waitMs],
    );
    return idempotencyKey;
  });
}
