import type { Acknowledged } from './core-banking.js';
import { arrivedAtMs, isPostOfTransactions, type SeenRequest } from './rutter-sandbox.js';
import type { Stack } from './stack.js';
import { waitUntil } from './wait-until.js';

const checkEveryMs = 150;
/** Far above the limit of 30 s, so that the result shows how late it was. */
const timeoutMs = 180_000;
/** Covers a few seconds. */
const lastRequests = 250;

/** An active delivery run builds its next batch within this time: a feed without a batch for longer has none. */
const deliveryRunGapMs = 5_000;

/**
 * Waits for the first POST of a batch that was built after `sinceMs`.
 *
 * @param whose `new_delivery_runs` considers only feeds without an active delivery run, since that continues without
 *   Temporal
 * @returns when the POST arrived, epoch ms
 */
export async function nextNewBatch(
  stack: Stack,
  sinceMs: number,
  whose: 'any' | 'new_delivery_runs' = 'any',
): Promise<number> {
  const idleMs = whose === 'any' ? 0 : deliveryRunGapMs;
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
        [posts.map((post) => post.idempotency_key), new Date(sinceMs).toISOString(), idleMs],
      );
      return earliest(posts, new Set(rows.map((row) => row.idempotency_key)));
    },
    { what: 'a POST of a new batch', everyMs: checkEveryMs, timeoutMs },
  );
}

/**
 * Waits for the first POST after `sinceMs` that contains a posting of the calls that `acknowledged` returns.
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
    { what: 'a POST of a posting that was ingested after the kill', everyMs: checkEveryMs, timeoutMs },
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
