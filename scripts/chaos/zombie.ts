import { setTimeout as sleep } from 'node:timers/promises';
import { nextNewBatch } from './next-post.js';
import { idleSpare, lockRow, openBatch, type PointScene } from './points.js';
import type { KillFeed } from './feeds.js';
import { arrivedAtMs, isPostOfTransactions } from './rutter-sandbox.js';
import { firstWorker } from './targets.js';
import { waitUntil } from './wait-until.js';

/** Where a sender stands when it is frozen. */
export const zombiePoints = ['in_post', 'before_post', 'before_build'] as const;
export type ZombiePoint = (typeof zombiePoints)[number];

const checkEveryMs = 50;
const reachedMs = 30_000;
const takenOverMs = 90_000;
/** After it woke up: long enough for everything that it had begun. */
const awakeMs = 3_000;
const attemptsMax = 5;
const postings = 20;
const lastRequests = 2_000;

/**
 * Freezes a sender (SIGSTOP) at this point of a spare feed's batch; another worker takes over when the lease has gone
 * and completes; the frozen one wakes up (SIGCONT). It must make no new key and book nothing twice. Then it is asked to
 * end, and the other one stays.
 *
 * @throws Error when the woken one did what it must not
 */
export async function freezePastLease(
  scene: PointScene,
  point: ZombiePoint,
): Promise<{ recoveredMs: number; missed: number }> {
  const { stack, core } = scene;
  for (let missed = 0; missed < attemptsMax; missed += 1) {
    const feed = await idleSpare(scene);
    const trap = await traps[point](scene, feed);
    const frozen = firstWorker(stack);
    let thawed = false;
    try {
      await core.send(feed, postings);
      const there = await waitUntil(async () => (await trap.reached()) || undefined, {
        ...{ what: `the worker stands at ${point}`, everyMs: checkEveryMs, timeoutMs: reachedMs },
      }).catch(() => false);
      if (!there) continue;
      frozen.signal('SIGSTOP');
      const frozenAtMs = Date.now();
      const hit = await trap.reached();
      await trap.release();
      await stack.addWorker();
      const postedAtMs = await nextNewBatch(stack, frozenAtMs);
      await untilDelivered(scene, feed);
      const before = await keysOf(scene, feed);
      frozen.signal('SIGCONT');
      thawed = true;
      const thawedAtMs = Date.now();
      await sleep(awakeMs);
      await checkZombie(scene, { feed, before, thawedAtMs });
      stack.workers.shift();
      await frozen.stop();
      if (hit) return { recoveredMs: postedAtMs - frozenAtMs, missed };
    } finally {
      if (!thawed && frozen.ready) frozen.signal('SIGCONT');
      await trap.release();
    }
  }
  throw new Error(`zombie ${point} was not reached in ${String(attemptsMax)} attempts`);
}

async function untilDelivered({ stack, core }: PointScene, feed: KillFeed): Promise<void> {
  await waitUntil(
    async () => {
      const { rows } = await stack.pool.query<{ delivered: number }>(
        `SELECT count(*)::int AS delivered FROM ledger l JOIN batches b USING (batch_id)
          WHERE l.feed_id = $1 AND b.state = 'delivered'`,
        [feed.feedId],
      );
      return rows[0]?.delivered === core.sent(feed) || undefined;
    },
    { what: 'another worker has completed the batch', everyMs: checkEveryMs, timeoutMs: takenOverMs },
  );
}

/** Every key that was ever made for the feed. */
async function keysOf({ stack }: PointScene, feed: KillFeed): Promise<string[]> {
  const { rows } = await stack.pool.query<{ key: string }>(
    `SELECT a.idempotency_key AS key FROM batches b JOIN attempts a USING (batch_id)
      WHERE b.feed_id = $1 ORDER BY b.number, a.number`,
    [feed.feedId],
  );
  return rows.map(({ key }) => key);
}

async function checkZombie(
  scene: PointScene,
  input: { feed: KillFeed; before: readonly string[]; thawedAtMs: number },
): Promise<void> {
  const { feed, before, thawedAtMs } = input;
  const made = (await keysOf(scene, feed)).filter((key) => !before.includes(key));
  if (made.length > 0) throw new Error(`feed ${feed.feedId}: the woken sender made a new key`);
  const { rows } = await scene.stack.pool.query<{ key: string }>(
    `SELECT idempotency_key AS key FROM attempts`,
  );
  const stored = new Set(rows.map(({ key }) => key));
  const strange = (await scene.stack.rutter.requests(lastRequests)).filter(
    (request) =>
      isPostOfTransactions(request) &&
      arrivedAtMs(request) > thawedAtMs &&
      !stored.has(request.idempotency_key ?? ''),
  );
  if (strange.length > 0) throw new Error('a POST arrived under a key that is not stored');
}

interface Trap {
  reached(): Promise<boolean>;
  release(): Promise<void>;
}

const traps: Record<ZombiePoint, (scene: PointScene, feed: KillFeed) => Promise<Trap>> = {
  /** Its answer comes while it sleeps. */
  in_post: async (scene, feed) => {
    const match = { account: feed.rutterAccountId };
    await scene.stack.rutter.addFault({ kind: 'slow_job', run_ms: 1_500, match });
    return {
      reached: async () => (await openBatch(scene, feed)) !== undefined,
      release: () => scene.stack.rutter.removeFaults(),
    };
  },
  /** The batch is built, and its request stands on the wire: it arrives when another has long completed the batch. */
  before_post: (scene, feed) => {
    const { wire } = scene.stack;
    wire.hold((piece) => piece.startsWith('POST ') && piece.includes(feed.accessToken), 1);
    return Promise.resolve({
      reached: async () => wire.held() > 0 && (await openBatch(scene, feed)) !== undefined,
      release: () => Promise.resolve(),
    });
  },
  /** Inside the transaction that cuts. */
  before_build: async (scene, feed) => {
    const lock = await lockRow(scene, `SELECT 1 FROM feeds WHERE feed_id = $1 FOR UPDATE`, [feed.feedId]);
    return {
      reached: async () => (await lock.waiting()).some((query) => query.includes('FROM feeds')),
      release: lock.release,
    };
  },
};
