import type { Acknowledged } from './core-banking.js';
import { arrivedAtMs, isPostOfTransactions, type SeenRequest } from './rutter-sandbox.js';
import type { Stack } from './stack.js';
import { waitUntil } from './wait-until.js';

const checkEveryMs = 150;
/** Long past the mark of 30 s: how late it was is worth knowing. */
const timeoutMs = 180_000;
/** More than a few seconds of requests. */
const lastRequests = 250;

/** A delivery run that runs cuts its next batch in less than this, so a feed without one for so long has no delivery run. */
const deliveryRunGapMs = 5_000;

/**
 * Waits for the first POST of a batch that was built after `sinceMs`; answers when it arrived, epoch ms.
 *
 * @param whose `new_delivery_runs` counts only feeds that nobody was at work on: a delivery run that is under way goes on without
 *   Temporal
 */
export async function nextNewBatch(
  stack: Stack,
  sinceMs: number,
  whose: 'any' | 'new_delivery_runs' = 'any',
): Promise<number> {
  const quietMs = whose === 'any' ? 0 : deliveryRunGapMs;
  return await waitUntil(
    async () => {
      const posts = (await postsSince(stack, sinceMs)).filter((post) => post.idempotency_key !== null);
      if (posts.length === 0) return undefined;
      const { rows } = await stack.pool.query<{ idempotency_key: string }>(
        `SELECT a.idempotency_key FROM attempts a JOIN batches b USING (batch_id)
          WHERE a.idempotency_key = ANY ($1::uuid[]) AND b.built_at > $2
            AND NOT EXISTS (SELECT 1 FROM batches e
                             WHERE e.feed_id = b.feed_id AND e.built_at <= $2 AND $3 > 0
                               AND coalesce(e.completed_at, $2) > $2::timestamptz - $3 * interval '1 millisecond')`,
        [posts.map((post) => post.idempotency_key), new Date(sinceMs).toISOString(), quietMs],
      );
      return earliest(posts, new Set(rows.map((row) => row.idempotency_key)));
    },
    { what: 'a POST of a new batch', everyMs: checkEveryMs, timeoutMs },
  );
}

/**
 * Waits for the first POST with a posting of those that `acknowledged` answers: work that came in only after `sinceMs`.
 */
export async function nextFreshPosting(
  stack: Stack,
  sinceMs: number,
  acknowledged: () => readonly Acknowledged[],
): Promise<number> {
  return await waitUntil(
    async () => {
      const calls = acknowledged();
      if (calls.length === 0) return undefined;
      const { rows } = await stack.pool.query<{ idempotency_key: string }>(
        `SELECT a.idempotency_key FROM unnest($1::uuid[], $2::text[]) AS sent (feed_id, transaction_id)
           JOIN ledger l USING (feed_id, transaction_id) JOIN attempts a USING (batch_id)`,
        [calls.map(({ feed }) => feed.feedId), calls.map(({ firstId }) => firstId)],
      );
      const posts = await postsSince(stack, sinceMs);
      return earliest(posts, new Set(rows.map((row) => row.idempotency_key)));
    },
    { what: 'a POST of a posting that came in after the kill', everyMs: checkEveryMs, timeoutMs },
  );
}

async function postsSince(stack: Stack, sinceMs: number): Promise<SeenRequest[]> {
  const requests = await stack.rutter.requests(lastRequests);
  return requests.filter((request) => isPostOfTransactions(request) && arrivedAtMs(request) > sinceMs);
}

function earliest(posts: readonly SeenRequest[], keys: ReadonlySet<string>): number | undefined {
  const arrived = posts
    .filter((post) => post.idempotency_key !== null && keys.has(post.idempotency_key))
    .map(arrivedAtMs);
  return arrived.length === 0 ? undefined : Math.min(...arrived);
}
