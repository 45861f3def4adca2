import { isBlocked } from '../../domain/rutter/feed.js';
import { lockFeed, writeFeed } from './feeds.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';

/**
 * Gives up waiting for the job of a feed's open batch: its outcome is unknown now, and the next delivery run
 * reads Rutter's own list instead. Nothing is sent by this, and the list also shows a job that ends later.
 * A repeat for the same job only clears the feed's reason, and is recorded once. Returns false if there is no such job.
 */
export async function abandonJob(pool: Pool, input: { feedId: string; reason: string }): Promise<boolean> {
  return await transaction(pool, async (db) => {
    const feed = await lockFeed(db, input);
    if (feed === null) return false;
    const { rows } = await db.query<{
      number: number;
      job_id: string;
      idempotency_key: string;
    }>(
      `SELECT b.number, a.job_id, a.idempotency_key FROM batches b JOIN attempts a USING (batch_id)
        WHERE b.feed_id = $1 AND b.state = 'open' AND a.state IN ('open', 'in_doubt') AND a.job_id IS NOT NULL
          FOR UPDATE OF a`,
      [input.feedId],
    );
    const job = rows[0];
    if (job === undefined) return false;
    await db.query(
      `UPDATE attempts SET state = 'in_doubt', outcome_unknown = true
        WHERE idempotency_key = $1 AND state IN ('open', 'in_doubt')`,
      [job.idempotency_key],
    );
    if (isBlocked(feed.reason)) await writeFeed(db, feed, { reason: null });
    if (await isRecorded(db, { ...input, jobId: job.job_id })) return true;
    await writeTimeline(db, {
      kind: 'job_abandoned',
      customerId: feed.customerId,
      connectionId: feed.connectionId,
      feedId: feed.feedId,
      detail: { batch: job.number, job_id: job.job_id, reason: input.reason },
    });
    return true;
  });
}

async function isRecorded(db: Queryable, input: { feedId: string; jobId: string }): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT 1 FROM timeline WHERE feed_id = $1 AND kind = 'job_abandoned' AND detail ->> 'job_id' = $2 LIMIT 1`,
    [input.feedId, input.jobId],
  );
  return rowCount === 1;
}
