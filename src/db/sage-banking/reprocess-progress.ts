import type { SageReprocessReason } from '../../domain/sage-banking/reprocess.js';
import { inForce } from './corrections.js';
import { sageReprocessLimits } from '../../domain/sage-banking/reprocess.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import {
  lockSageReprocess,
  pendingTransaction,
  readSageReprocess,
  type SageReprocessRow,
} from './reprocesses.js';
import { storePredictions, type StoredSageTransaction } from './transactions.js';
import { writeTimeline } from '../timeline.js';

/** What only a reprocess run's workflow writes, through its activities. See `reprocesses.ts` for the row. */

/**
 * The run with the chunk that is to be asked for next, chosen and stored if none was; with nothing left it is done.
 * Null when there is no such run.
 */
export async function chooseChunk(
  pool: Pool,
  input: { reprocessId: string; transactionsMax: number },
): Promise<SageReprocessRow | null> {
  return await transaction(pool, async (db) => {
    const reprocess = await lockSageReprocess(db, input);
    if (reprocess?.state !== 'running' || reprocess.chunkIds !== null) return reprocess;
    const transactionsMax = Math.min(input.transactionsMax, reprocess.chunkMax ?? input.transactionsMax);
    const chunkIds = await nextIds(db, { reprocess, transactionsMax });
    if (chunkIds.length === 0) await end(db, { reprocess, state: 'done', reason: null, message: null });
    else
      await db.query(
        `UPDATE sage_reprocesses SET chunk_ids = $2, chunk_failures = 0 WHERE reprocess_id = $1`,
        [input.reprocessId, chunkIds],
      );
    return await readSageReprocess(db, input);
  });
}

async function nextIds(
  db: Queryable,
  { reprocess, transactionsMax }: { reprocess: SageReprocessRow; transactionsMax: number },
): Promise<number[]> {
  if (reprocess.transactionIds !== null) {
    return reprocess.transactionIds.filter((id) => id > reprocess.doneUpTo).slice(0, transactionsMax);
  }
  const { rows } = await db.query<{ id: string }>(
    `SELECT transaction_id AS id FROM sage_transactions
      WHERE sage_account_id = $1 AND transaction_id > $2 AND transaction_id <= $3 AND ${pendingTransaction} AND ${inForce}
      ORDER BY transaction_id LIMIT $4`,
    [reprocess.sageAccountId, reprocess.doneUpTo, reprocess.lastId, transactionsMax],
  );
  return rows.map((row) => Number(row.id));
}

/**
 * Sage accepted the chunk, or returned another route for it: the address of the next poll. An answer to another attempt for the same
 * chunk is equivalent, so the last one is kept.
 */
export async function storeChunkRoute(
  db: Queryable,
  input: {
    reprocessId: string;
    chunkIds: readonly number[];
    pollRouteSealed: string;
    pollPeriodMs: number;
  },
): Promise<void> {
  await db.query(
    `UPDATE sage_reprocesses SET poll_route_sealed = $3, poll_period_ms = $4, chunk_began_at = coalesce(chunk_began_at, now())
      WHERE reprocess_id = $1 AND state = 'running' AND chunk_ids = $2::bigint[]`,
    [input.reprocessId, input.chunkIds, input.pollRouteSealed, input.pollPeriodMs],
  );
}

/**
 * Stores what Sage predicts for the chunk and moves the run over it, in one transaction. A chunk that is not the one
 * under way any more was stored before: nothing happens. After a chunk that was made smaller the next may be twice as
 * large: the transaction that was too large may be done.
 */
export async function storeChunk(
  pool: Pool,
  input: {
    reprocessId: string;
    chunkIds: readonly number[];
    predictions: readonly { transactionId: number; predictedActions: readonly unknown[] }[];
  },
): Promise<void> {
  await transaction(pool, async (db) => {
    const reprocess = await lockSageReprocess(db, input);
    if (reprocess?.state !== 'running' || !isSameChunk(reprocess.chunkIds, input.chunkIds)) return;
    const asked = new Set(input.chunkIds);
    const predictions = input.predictions.filter(({ transactionId }) => asked.has(transactionId));
    const storedCount = await storePredictions(db, { ...reprocess, predictions });
    const answered = new Set(predictions.map(({ transactionId }) => transactionId));
    const leftOut = input.chunkIds.filter((id) => !answered.has(id));
    const roomMax = Math.max(0, sageReprocessLimits.leftOutListMax - reprocess.leftOut.length);
    await db.query(
      `UPDATE sage_reprocesses SET done_up_to = $2, done_count = done_count + $3,
         left_out = left_out || $4::bigint[], left_out_count = left_out_count + $5,
         chunk_ids = NULL, chunk_max = CASE WHEN chunk_max IS NOT NULL THEN cardinality(chunk_ids) * 2 END,
         poll_route_sealed = NULL, poll_period_ms = NULL, chunk_began_at = NULL, chunk_failures = 0
       WHERE reprocess_id = $1`,
      [input.reprocessId, input.chunkIds.at(-1), storedCount, leftOut.slice(0, roomMax), leftOut.length],
    );
  });
}

function isSameChunk(one: readonly number[] | null, other: readonly number[]): boolean {
  return one?.length === other.length && one[0] === other[0];
}

/**
 * Sage's run for the chunk failed: another may be begun. Counted once for each route; answers of how many, or
 * null when another route is stored meanwhile.
 */
export async function recordChunkFailure(
  db: Queryable,
  input: { reprocessId: string; pollRouteSealed: string },
): Promise<number | null> {
  const { rows } = await db.query<{ failures: number }>(
    `UPDATE sage_reprocesses SET poll_route_sealed = NULL, poll_period_ms = NULL, chunk_began_at = NULL,
       chunk_failures = chunk_failures + 1
     WHERE reprocess_id = $1 AND state = 'running' AND poll_route_sealed = $2 RETURNING chunk_failures AS failures`,
    [input.reprocessId, input.pollRouteSealed],
  );
  return rows[0]?.failures ?? null;
}

/**
 * The answer to the chunk was too large to read: half of it is to be asked for next. Done once for each route. False:
 * it was one id alone, or another route is stored meanwhile.
 */
export async function halveChunk(
  db: Queryable,
  input: { reprocessId: string; pollRouteSealed: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE sage_reprocesses SET chunk_ids = chunk_ids[1:cardinality(chunk_ids) / 2],
       chunk_max = cardinality(chunk_ids) / 2, poll_route_sealed = NULL, poll_period_ms = NULL, chunk_began_at = NULL,
       chunk_failures = 0
     WHERE reprocess_id = $1 AND state = 'running' AND poll_route_sealed = $2 AND cardinality(chunk_ids) > 1`,
    [input.reprocessId, input.pollRouteSealed],
  );
  return rowCount === 1;
}

/** Ends a run that has not ended yet; what was reprocessed stays. Returns its state afterwards, null when it does not exist. */
export async function failSageReprocess(
  pool: Pool,
  input: { reprocessId: string; reason: SageReprocessReason; message: string | null },
): Promise<SageReprocessRow | null> {
  return await transaction(pool, async (db) => {
    const reprocess = await lockSageReprocess(db, input);
    if (reprocess?.state !== 'running') return reprocess;
    await end(db, { reprocess, state: 'failed', reason: input.reason, message: input.message });
    return await readSageReprocess(db, input);
  });
}

async function end(
  db: Queryable,
  input: {
    reprocess: SageReprocessRow;
    state: 'done' | 'failed';
    reason: SageReprocessReason | null;
    message: string | null;
  },
): Promise<void> {
  const { reprocess, state, reason } = input;
  await db.query(
    `UPDATE sage_reprocesses SET state = $2, reason = $3, message = $4, finished_at = now(),
       chunk_ids = NULL, poll_route_sealed = NULL, poll_period_ms = NULL, chunk_began_at = NULL
     WHERE reprocess_id = $1`,
    [reprocess.reprocessId, state, reason, input.message],
  );
  await writeTimeline(db, {
    kind: state === 'done' ? 'sage_reprocess_done' : 'sage_reprocess_failed',
    feedId: reprocess.sageAccountId,
    customerId: reprocess.customerId,
    detail: {
      reprocess_id: reprocess.reprocessId,
      done: reprocess.doneCount,
      total: reprocess.total,
      ...(reason === null ? {} : { reason }),
      ...(reprocess.leftOutCount === 0 ? {} : { left_out: reprocess.leftOutCount }),
    },
  });
}

/**
 * Up to `limit` transactions that the run has reprocessed, with the suggestions they have now, in the order of their
 * ids after `afterId`.
 */
export async function listReprocessedTransactions(
  db: Queryable,
  input: { reprocess: SageReprocessRow; afterId: number; limit: number },
): Promise<Pick<StoredSageTransaction, 'transactionId' | 'body'>[]> {
  const { reprocess } = input;
  const { rows } = await db.query<{ id: string; body: Record<string, unknown>; predicted: unknown[] }>(
    `SELECT transaction_id AS id, body, predicted_actions AS predicted FROM sage_transactions
      WHERE sage_account_id = $1 AND transaction_id > $2 AND transaction_id <= $3
        AND predicted_at >= $4 AND ($5::bigint[] IS NULL OR transaction_id = ANY ($5))
      ORDER BY transaction_id LIMIT $6`,
    [
      reprocess.sageAccountId,
      input.afterId,
      reprocess.doneUpTo,
      reprocess.createdAt,
      reprocess.transactionIds,
      input.limit,
    ],
  );
  return rows.map((row) => ({
    transactionId: Number(row.id),
    body: { ...row.body, predictedActions: row.predicted },
  }));
}
