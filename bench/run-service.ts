import type { CaseContext } from './rutter/bench-case.js';
import type { SeededFeed } from '../test/support/rutter/seed-feed.js';
import { waitUntil } from './wait-until.js';

/** Twenty times the longest backfill of the bench; a run that takes longer hangs. */
const backfillMs = 240_000;
const checkEveryMs = 100;

/**
 * Wakes feeds like the API does (which starts their workflows) and waits until all of them have caught up.
 *
 * @returns seconds from the first signal until the last feed has caught up, by the database's clock on the same machine
 */
export async function backfillByService(
  { fixture, signal }: CaseContext,
  feeds: readonly SeededFeed[],
): Promise<{ wallSeconds: number }> {
  const feedIds = feeds.map((feed) => feed.feedId);
  const startedAtMs = Date.now();
  await Promise.all(feedIds.map((feedId) => fixture.workflows.wakeFeed({ feedId })));
  const endedAtMs = await waitUntil(
    async () => {
      const { rows } = await fixture.pool.query<{ waiting: string; last_at: string | null }>(
        `SELECT count(*) FILTER (WHERE caught_up_at IS NULL) AS waiting, max(caught_up_at) AS last_at
           FROM feeds WHERE feed_id = ANY ($1::uuid[])`,
        [feedIds],
      );
      const row = rows[0];
      return row?.waiting === '0' && row.last_at !== null ? Date.parse(row.last_at) : undefined;
    },
    { what: 'all feeds have caught up', everyMs: checkEveryMs, timeoutMs: backfillMs, signal },
  );
  return { wallSeconds: (endedAtMs - startedAtMs) / 1_000 };
}
