import { setTimeout as sleep } from 'node:timers/promises';
import { nextNewBatch } from './next-post.js';
import { idleSpare, lockRow, openBatch, type PointContext } from './points.js';
import type { SeededFeed } from '../../test/support/rutter/seed-feed.js';
import { arrivedAtMs, isPostOfTransactions } from './rutter-sandbox.js';
import { firstWorker } from './targets.js';
import { waitUntil } from './wait-until.js';

/** The points at which the worker is stopped. */
export const zombiePoints = ['in_post', 'before_post', 'before_build'] as const;
export type ZombiePoint = (typeof zombiePoints)[number];

const checkEveryMs = 50;
const reachedMs = 30_000;
const takenOverMs = 90_000;
/** Wait after SIGCONT: long enough for the worker to finish what it had begun. */
const continuedMs = 3_000;
const attemptsMax = 5;
const postings = 20;
const lastRequests = 2_000;

/**
 * Stops a worker (SIGSTOP) at this point of a spare feed's batch. After the lease has expired, another worker takes over
 * and completes the batch; then the first one continues (SIGCONT). It must not create a new key or book a posting twice.
 * Finally it is stopped, and the other worker remains.
 *
 * @throws Error when the continued worker broke a rule
 */
export async function freezePastLease(
  context: PointContext,
  point: ZombiePoint,
): Promise<{ recoveredMs: number; missed: number }> {
  const { stack, coreBanking } = context;
  for (let missed = 0; missed < attemptsMax; missed += 1) {
    const feed = await idleSpare(context);
    const breakpoint = await breakpoints[point](context, feed);
    const stopped = firstWorker(stack);
    let continued = false;
    try {
      await coreBanking.send(feed, postings);
      const there = await waitUntil(async () => (await breakpoint.reached()) || undefined, {
        what: `the worker is at ${point}`,
        everyMs: checkEveryMs,
        timeoutMs: reachedMs,
      }).catch(() => false);
      if (!there) continue;
      stopped.signal('SIGSTOP');
      const stoppedAtMs = Date.now();
      const hit = await breakpoint.reached();
      await breakpoint.release();
      await stack.addWorker();
      const postedAtMs = await nextNewBatch(stack, stoppedAtMs);
      await untilDelivered(context, feed);
      const before = await keysOf(context, feed);
      stopped.signal('SIGCONT');
      continued = true;
      const continuedAtMs = Date.now();
      await sleep(continuedMs);
      await checkZombie(context, { feed, before, continuedAtMs });
      stack.workers.shift();
      await stopped.stop();
      if (hit) return { recoveredMs: postedAtMs - stoppedAtMs, missed };
    } finally {
      if (!continued && stopped.ready) stopped.signal('SIGCONT');
      await breakpoint.release();
    }
  }
  throw new Error(`zombie ${point} was not reached in ${String(attemptsMax)} attempts`);
}

async function untilDelivered({ stack, coreBanking }: PointContext, feed: SeededFeed): Promise<void> {
  await waitUntil(
    async () => {
      const { rows } = await stack.pool.query<{ delivered: number }>(
        `SELECT count(*)::int AS delivered FROM ledger l JOIN batches b USING (batch_id)
          WHERE l.feed_id = $1 AND b.state = 'delivered'`,
        [feed.feedId],
      );
      return rows[0]?.delivered === coreBanking.sent(feed) || undefined;
    },
    { what: 'another worker has completed the batch', everyMs: checkEveryMs, timeoutMs: takenOverMs },
  );
}

/** All idempotency keys of the feed. */
async function keysOf({ stack }: PointContext, feed: SeededFeed): Promise<string[]> {
  const { rows } = await stack.pool.query<{ key: string }>(
    `SELECT a.idempotency_key AS key FROM batches b JOIN attempts a USING (batch_id)
      WHERE b.feed_id = $1 ORDER BY b.number, a.number`,
    [feed.feedId],
  );
  return rows.map(({ key }) => key);
}

async function checkZombie(
  context: PointContext,
  input: { feed: SeededFeed; before: readonly string[]; continuedAtMs: number },
): Promise<void> {
  const { feed, before, continuedAtMs } = input;
  const made = (await keysOf(context, feed)).filter((key) => !before.includes(key));
  if (made.length > 0) throw new Error(`feed ${feed.feedId}: the continued worker created a new key`);
  const { rows } = await context.stack.pool.query<{ key: string }>(
    `SELECT idempotency_key AS key FROM attempts`,
  );
  const stored = new Set(rows.map(({ key }) => key));
  const unknown = (await context.stack.rutter.requests(lastRequests)).filter(
    (request) =>
      isPostOfTransactions(request) &&
      arrivedAtMs(request) > continuedAtMs &&
      !stored.has(request.idempotency_key ?? ''),
  );
  if (unknown.length > 0) throw new Error('a POST arrived under a key that is not stored');
}

interface Breakpoint {
  reached(): Promise<boolean>;
  release(): Promise<void>;
}

const breakpoints: Record<ZombiePoint, (context: PointContext, feed: SeededFeed) => Promise<Breakpoint>> = {
  /** The answer arrives while the worker is stopped. */
  in_post: async (context, feed) => {
    const match = { account: feed.rutterAccountId };
    await context.stack.rutter.addFault({ kind: 'slow_job', run_ms: 1_500, match });
    return {
      reached: async () => (await openBatch(context, feed)) !== undefined,
      release: () => context.stack.rutter.removeFaults(),
    };
  },
  /** The batch is built, and the proxy holds its request: it arrives after another worker has completed the batch. */
  before_post: (context, feed) => {
    const { wire } = context.stack;
    wire.hold((piece) => piece.startsWith('POST ') && piece.includes(feed.accessToken), 1);
    return Promise.resolve({
      reached: async () => wire.held() > 0 && (await openBatch(context, feed)) !== undefined,
      release: () => Promise.resolve(),
    });
  },
  /** Inside the transaction that builds the batch. */
  before_build: async (context, feed) => {
    const lock = await lockRow(context, `SELECT 1 FROM feeds WHERE feed_id = $1 FOR UPDATE`, [feed.feedId]);
    return {
      reached: async () => (await lock.waiting()).some((query) => query.includes('FROM feeds')),
      release: lock.release,
    };
  },
};
