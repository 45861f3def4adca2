import type { DeliverablePosting } from '../domain/posting.js';
import { holdLane } from './lanes.js';
import type { Queryable } from './pool.js';

/** An open batch with its open attempt: what a sender needs to go on with it, whoever began it. */
export interface OpenBatch {
  readonly batchId: string;
  readonly feedId: string;
  readonly number: number;
  readonly size: number;
  readonly bodyHash: string;
  readonly jobId: string | null;
  readonly idempotencyKey: string;
  readonly attemptNumber: number;
  /** POSTs made under this key so far. */
  readonly posts: number;
  /** An earlier POST of this key had an unknown outcome. */
  readonly doubted: boolean;
  /** The key's accepted request failed with a 5xx: repeating it only replays that, so the list must be read. */
  readonly inDoubt: boolean;
  /** Epoch ms by the database's clock: where reading back begins. */
  readonly firstPostAtMs: number;
  /** Ages by the database's clock when the row was read: no process's clock decides what is old. */
  readonly jobAgeMs: number | null;
  readonly attemptAgeMs: number;
}

interface RawOpenBatch {
  batch_id: string;
  feed_id: string;
  number: number;
  size: number;
  body_hash: string;
  job_id: string | null;
  idempotency_key: string;
  attempt_number: number;
  posts: number;
  doubted: boolean;
  attempt_state: 'open' | 'in_doubt';
  first_post_at: string;
  job_age_ms: number | null;
  attempt_age_ms: number;
}

const selectOpenBatch = `
  SELECT b.batch_id, b.feed_id, b.number, b.size, b.body_hash, a.job_id, a.idempotency_key,
         a.number AS attempt_number, a.posts, a.doubted, a.state AS attempt_state,
         coalesce(a.first_post_at, a.created_at) AS first_post_at,
         extract(epoch FROM clock_timestamp() - a.job_seen_at)::float8 * 1000 AS job_age_ms,
         extract(epoch FROM clock_timestamp() - a.created_at)::float8 * 1000 AS attempt_age_ms
    FROM batches b JOIN attempts a ON a.batch_id = b.batch_id AND a.state IN ('open', 'in_doubt')`;

function openBatchFrom(raw: RawOpenBatch): OpenBatch {
  return {
    batchId: raw.batch_id,
    feedId: raw.feed_id,
    number: raw.number,
    size: raw.size,
    bodyHash: raw.body_hash,
    jobId: raw.job_id,
    idempotencyKey: raw.idempotency_key,
    attemptNumber: raw.attempt_number,
    posts: raw.posts,
    doubted: raw.doubted,
    inDoubt: raw.attempt_state === 'in_doubt',
    firstPostAtMs: Date.parse(raw.first_post_at),
    jobAgeMs: raw.job_age_ms,
    attemptAgeMs: raw.attempt_age_ms,
  };
}

/** The lane's open batch, of whichever feed; null when the lane is free. */
export async function readOpenBatch(db: Queryable, input: { laneId: string }): Promise<OpenBatch | null> {
  const { rows } = await db.query<RawOpenBatch>(
    `${selectOpenBatch} WHERE b.lane_id = $1 AND b.state = 'open' ORDER BY a.number DESC LIMIT 1`,
    [input.laneId],
  );
  return rows[0] === undefined ? null : openBatchFrom(rows[0]);
}

/** A row of {@link postingColumns}. */
export interface RawPosting {
  transaction_id: string;
  sequence: string;
  posted_at: string;
  amount: string;
  description: string;
  payee: string | null;
  transaction_type: string;
}

export function postingFrom(raw: RawPosting): DeliverablePosting {
  return {
    transactionId: raw.transaction_id,
    sequence: raw.sequence,
    postedAt: raw.posted_at,
    amount: raw.amount,
    description: raw.description,
    payee: raw.payee,
    transactionType: raw.transaction_type,
  };
}

export const postingColumns = `p.transaction_id, p.sequence, p.posted_at, p.amount, p.description, p.payee, p.transaction_type`;

/** The postings of a batch in the order in which they were cut: posted rows are immutable, so the bytes are too. */
export async function readBatchPostings(
  db: Queryable,
  input: { batchId: string },
): Promise<DeliverablePosting[]> {
  const { rows } = await db.query<RawPosting>(
    `SELECT ${postingColumns}
       FROM ledger l JOIN feeds f USING (feed_id)
       JOIN postings p ON p.account_id = f.account_id AND p.transaction_id = l.transaction_id
      WHERE l.batch_id = $1 ORDER BY l.position`,
    [input.batchId],
  );
  return rows.map(postingFrom);
}

/**
 * Undoes a batch that certainly never reached Rutter: its postings are ready again, the cursor stands where it stood,
 * the lane is free. Only the holder of the lane may, and only while the batch is open. Answers whether it was undone.
 */
export async function undoBatch(
  db: Queryable,
  input: { batch: OpenBatch; laneId: string; holder: string; errorCode: string | null },
): Promise<boolean> {
  if (!(await holdLane(db, input))) return false;
  const { rowCount } = await db.query(
    `UPDATE batches SET state = 'undone', settled_at = now() WHERE batch_id = $1 AND state = 'open'`,
    [input.batch.batchId],
  );
  if (rowCount !== 1) return false;
  await db.query(`DELETE FROM ledger WHERE batch_id = $1`, [input.batch.batchId]);
  await db.query(
    `UPDATE feeds f SET cursor_posted_at = b.cursor_before_posted_at, cursor_sequence = b.cursor_before_sequence,
            examined_sequence = least(f.examined_sequence, b.examined_before), updated_at = now()
       FROM batches b WHERE b.batch_id = $1 AND f.feed_id = b.feed_id`,
    [input.batch.batchId],
  );
  await db.query(
    `UPDATE attempts SET state = 'nothing_synced', final_at = now(), error_code = coalesce($2, error_code)
      WHERE batch_id = $1 AND state IN ('open', 'in_doubt')`,
    [input.batch.batchId, input.errorCode],
  );
  return true;
}
