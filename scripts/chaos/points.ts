import pg from 'pg';
import type { KillFeed } from './feeds.js';
import { nextNewBatch } from './next-post.js';
import { isPostOfTransactions } from './rutter-sandbox.js';
import { firstWorker, type Scene } from './targets.js';
import { waitUntil } from './wait-until.js';
import type { Say } from '../local/local-failure.js';

/** The six points of a batch's life at which its sender is killed. */
export const pointNames = [
  'before_intent',
  'after_intent',
  'in_post',
  'before_job_id',
  'after_job_id',
  'after_complete',
] as const;
export type PointName = (typeof pointNames)[number];

export interface PointScene extends Scene {
  /** Nothing but these steps sends on them. */
  readonly spareFeeds: readonly KillFeed[];
  readonly say: Say;
}

/** What holds the sender at a point, and how the tables and the sandbox show that it is there. */
interface Trap {
  /** True once the sender stands at the point. */
  reached(): Promise<boolean>;
  /** After the kill: whether it really stood there. */
  hit(): Promise<boolean>;
  release(): Promise<void>;
}

const attemptsMax = 5;
const checkEveryMs = 50;
/** A feed that a killed worker had in its cache wakes up 10 s later. */
const reachedMs = 30_000;
const idleMs = 120_000;
const postings = 20;
const lastRequests = 150;

/** Brings the worker to exactly this point on a spare feed, kills it there, and waits for the next new batch. */
export async function killAtPoint(
  scene: PointScene,
  point: PointName,
): Promise<{ recoveredMs: number; missed: number }> {
  const { stack, core } = scene;
  for (let missed = 0; missed < attemptsMax; missed += 1) {
    const feed = await idleSpare(scene);
    const trap = await traps[point](scene, feed);
    try {
      await core.send(feed, postings);
      const isThere = async (): Promise<true | undefined> => (await trap.reached()) || undefined;
      const there = await waitUntil(isThere, {
        ...{ what: `the worker stands at ${point}`, everyMs: checkEveryMs, timeoutMs: reachedMs },
      }).catch(() => false);
      if (!there) continue;
      const killedAtMs = await firstWorker(stack).kill();
      const hit = await trap.hit();
      await trap.release();
      const postedAtMs = await nextNewBatch(stack, killedAtMs);
      await firstWorker(stack).untilReady();
      if (hit) return { recoveredMs: postedAtMs - killedAtMs, missed };
    } finally {
      await trap.release();
    }
  }
  throw new Error(`${point} was not hit in ${String(attemptsMax)} attempts`);
}

/** A spare feed with nothing to send and nobody at work on it. */
export async function idleSpare({ stack, core, random, spareFeeds }: PointScene): Promise<KillFeed> {
  return await waitUntil(
    async () => {
      const feed = random.oneOf(spareFeeds);
      const { rows } = await stack.pool.query<{ idle: boolean }>(
        `SELECT f.state = 'live' AND NOT f.check_requested AND l.holder IS NULL
                AND (SELECT count(*) FROM ledger JOIN batches b USING (batch_id)
                      WHERE ledger.feed_id = f.feed_id AND b.state = 'delivered') = $2 AS idle
           FROM feeds f LEFT JOIN delivery_locks l ON l.delivery_lock_id = f.connection_id::text WHERE f.feed_id = $1`,
        [feed.feedId, core.sent(feed)],
      );
      return rows[0]?.idle === true ? feed : undefined;
    },
    { what: 'a spare feed is idle', everyMs: checkEveryMs, timeoutMs: idleMs },
  );
}

type SetTrap = (scene: PointScene, feed: KillFeed) => Promise<Trap>;

const traps: Record<PointName, SetTrap> = {
  before_intent: async (scene, feed) => {
    const lock = await lockRow(scene, `SELECT 1 FROM feeds WHERE feed_id = $1 FOR UPDATE`, [feed.feedId]);
    return {
      reached: async () => (await lock.waiting()).some((query) => query.includes('FROM feeds')),
      hit: async () => (await openBatch(scene, feed)) === undefined,
      release: lock.release,
    };
  },
  after_intent: (scene, feed) => {
    const { wire } = scene.stack;
    wire.hold((piece) => piece.startsWith('POST ') && piece.includes(feed.accessToken));
    return Promise.resolve({
      reached: () => Promise.resolve(wire.held() > 0),
      hit: async () => {
        const batch = await openBatch(scene, feed);
        return batch !== undefined && batch.jobId === null && !(await arrived(scene, batch.key));
      },
      release: () => Promise.resolve(wire.release()),
    });
  },
  in_post: (scene, feed) => unanswered(scene, feed, 'hang_before_effect'),
  before_job_id: (scene, feed) => unanswered(scene, feed, 'hang_after_effect'),
  after_job_id: async (scene, feed) => {
    const match = { account: feed.rutterAccountId };
    await scene.stack.rutter.addFault({ kind: 'slow_job', run_ms: 6_000, match });
    const isKnown = async (): Promise<boolean> => (await openBatch(scene, feed))?.jobId != null;
    return { reached: isKnown, hit: isKnown, release: () => scene.stack.rutter.removeFaults() };
  },
  after_complete: async (scene, feed) => {
    const match = { account: feed.rutterAccountId };
    await scene.stack.rutter.addFault({ kind: 'slow_job', run_ms: 1_500, match });
    let lock: RowLock | undefined;
    return {
      reached: async () => {
        if (lock === undefined) {
          if ((await openBatch(scene, feed)) === undefined) return false;
          lock = await lockRow(scene, `SELECT 1 FROM feeds WHERE feed_id = $1 FOR UPDATE`, [feed.feedId]);
        }
        const waits = (await lock.waiting()).some((query) => query.includes('FROM feeds'));
        return waits && (await openBatch(scene, feed)) === undefined;
      },
      hit: async () => (await openBatch(scene, feed)) === undefined,
      release: async () => {
        await lock?.release();
        await scene.stack.rutter.removeFaults();
      },
    };
  },
};

async function unanswered(
  scene: PointScene,
  feed: KillFeed,
  kind: 'hang_before_effect' | 'hang_after_effect',
): Promise<Trap> {
  await scene.stack.rutter.addFault({ kind, match: { method: 'POST', account: feed.rutterAccountId } });
  const atProvider = async (): Promise<boolean> => {
    const batch = await openBatch(scene, feed);
    return batch !== undefined && batch.jobId === null && (await arrived(scene, batch.key));
  };
  return { reached: atProvider, hit: atProvider, release: () => scene.stack.rutter.removeFaults() };
}

/** Whether a POST under this key has reached the sandbox. */
async function arrived({ stack }: Scene, key: string): Promise<boolean> {
  const requests = await stack.rutter.requests(lastRequests);
  return requests.some((request) => isPostOfTransactions(request) && request.idempotency_key === key);
}

/** The feed's open batch, as the tables show it. */
export async function openBatch(
  { stack }: Scene,
  feed: KillFeed,
): Promise<{ key: string; jobId: string | null } | undefined> {
  const { rows } = await stack.pool.query<{ key: string; job_id: string | null }>(
    `SELECT a.idempotency_key AS key, a.job_id FROM batches b JOIN attempts a USING (batch_id)
      WHERE b.feed_id = $1 AND b.state = 'open' ORDER BY a.number DESC LIMIT 1`,
    [feed.feedId],
  );
  return rows[0] === undefined ? undefined : { key: rows[0].key, jobId: rows[0].job_id };
}

export interface RowLock {
  /** The statements that wait for it. */
  readonly waiting: () => Promise<string[]>;
  readonly release: () => Promise<void>;
}

/** Holds a row in a transaction of a connection of its own, which no time-out of the service's pool ends. */
export async function lockRow(
  { stack }: Scene,
  statement: string,
  values: readonly string[],
): Promise<RowLock> {
  const client = new pg.Client({ connectionString: stack.databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('BEGIN');
  await client.query(statement, [...values]);
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  let held = true;
  return {
    waiting: async () => {
      const { rows: found } = await stack.pool.query<{ query: string }>(
        `SELECT query FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))`,
        [rows[0]?.pid],
      );
      return found.map(({ query }) => query);
    },
    release: async () => {
      if (!held) return;
      held = false;
      await client.end();
    },
  };
}
