import type { BatchResolution } from '../../domain/rutter/batch-resolution.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';
import { giveBackPostings } from './batches.js';
import { lockFeed } from './feeds.js';

/**
 * An open batch on a connection that does not exist at Rutter any more: nobody can ask for its outcome, so an operator
 * decides it by what Sage shows.
 */

/** A condition on batch `b` and its connection `c`. */
export const isUndecidable = `b.state = 'open' AND c.unlinked_at IS NOT NULL`;

export interface ResolveBatchInput {
  readonly feedId: string;
  readonly outcome: BatchResolution;
  /** Why, as the operator wrote it; stored in the timeline. */
  readonly reason: string;
}

/**
 * Stores the decision on the feed's undecidable batch, in one transaction with its timeline entry. `delivered`: all its
 * postings are. `not_delivered`: none is, and the batch is undone. `repeated`: the latest such batch was decided so
 * before. `no_batch`: there is none to decide.
 */
export async function resolveBatch(
  pool: Pool,
  input: ResolveBatchInput,
): Promise<'resolved' | 'repeated' | 'no_batch'> {
  return await transaction(pool, async (db) => {
    const feed = await lockFeed(db, input);
    if (feed === null) return 'no_batch';
    const batch = await closeUndecidable(db, input);
    if (batch === null) return (await isDecidedSo(db, input)) ? 'repeated' : 'no_batch';
    if (input.outcome === 'not_delivered') await giveBackPostings(db, { batch });
    await writeTimeline(db, {
      kind: 'batch_resolved',
      customerId: feed.customerId,
      connectionId: feed.connectionId,
      feedId: feed.feedId,
      detail: { number: batch.number, size: batch.size, outcome: input.outcome, reason: input.reason },
    });
    return 'resolved';
  });
}

async function closeUndecidable(
  db: Queryable,
  { feedId, outcome }: ResolveBatchInput,
): Promise<{ batchId: string; number: number; size: number } | null> {
  const isDelivered = outcome === 'delivered';
  const { rows } = await db.query<{ batchId: string; number: number; size: number }>(
    `WITH closed AS (
       UPDATE batches b SET state = $2, delivered_count = CASE WHEN $3 THEN b.size END, evidence = 'operator',
              completed_at = now()
         FROM connections c
        WHERE b.feed_id = $1 AND c.connection_id = b.connection_id AND ${isUndecidable}
       RETURNING b.batch_id, b.number, b.size
     ), attempt AS (
       UPDATE attempts SET state = $4, final_at = now()
        WHERE batch_id IN (SELECT batch_id FROM closed) AND state IN ('open', 'in_doubt')
     )
     SELECT batch_id AS "batchId", number, size FROM closed`,
    [feedId, isDelivered ? 'delivered' : 'undone', isDelivered, isDelivered ? 'delivered' : 'nothing_synced'],
  );
  return rows[0] ?? null;
}

async function isDecidedSo(db: Queryable, { feedId, outcome }: ResolveBatchInput): Promise<boolean> {
  const { rows } = await db.query<{ state: string }>(
    `SELECT state FROM batches WHERE feed_id = $1 AND evidence = 'operator' ORDER BY number DESC LIMIT 1`,
    [feedId],
  );
  return rows[0]?.state === (outcome === 'delivered' ? 'delivered' : 'undone');
}
