import pg from 'pg';
import type { SeededFeed } from '../../test/support/rutter/seed-feed.js';
import { nextNewBatch } from './next-post.js';
import { isPostOfTransactions } from './rutter-sandbox.js';
import { firstWorker, type ChaosContext } from './targets.js';
import { waitUntil } from './wait-until.js';
import type { PrintLine } from '../local/local-failure.js';

/** The six points of a delivery at which the worker is killed. */
export const pointNames = [
  'before_intent',
  'after_intent',
  'in_post',
  'before_job_id',
  'after_job_id',
  'after_complete',
] as const;
export type PointName = (typeof pointNames)[number];

export interface PointContext extends ChaosContext {
  /** Only these steps send postings to them. */
  readonly spareFeeds: readonly SeededFeed[];
  readonly printLine: PrintLine;
}

/** Stops the worker at a point; the tables and the sandbox show when it is there. */
interface Breakpoint {
  /** Whether the worker is at the point. */
  reached(): Promise<boolean>;
  /** After the kill: whether it was at the point. */
  hit(): Promise<boolean>;
  release(): Promise<void>;
}

const attemptsMax = 5;
const checkEveryMs = 50;
/** A workflow in the cache of a killed worker continues after 10 s. */
const reachedMs = 30_000;
const idleMs = 120_000;
const postings = 20;
const lastRequests = 150;

/** Stops the worker at exactly this point on a spare feed, kills it, and waits for the next new batch. */
export async function killAtPoint(
  context: PointContext,
  point: PointName,
): Promise<{ recoveredMs: number; missed: number }> {
  const { stack, coreBanking } = context;
  for (let missed = 0; missed < attemptsMax; missed += 1) {
    const feed = await idleSpare(context);
    const breakpoint = await breakpoints[point](context, feed);
    try {
      await coreBanking.send(feed, postings);
      const isThere = async (): Promise<true | undefined> => (await breakpoint.reached()) || undefined;
      const there = await waitUntil(isThere, {
        what: `the worker is at ${point}`,
        everyMs: checkEveryMs,
        timeoutMs: reachedMs,
      }).catch(() => false);
      if (!there) continue;
      const killedAtMs = await firstWorker(stack).kill();
      const hit = await breakpoint.hit();
      await breakpoint.release();
      const postedAtMs = await nextNewBatch(stack, killedAtMs);
      await firstWorker(stack).untilReady();
      if (hit) return { recoveredMs: postedAtMs - killedAtMs, missed };
    } finally {
      await breakpoint.release();
    }
  }
  throw new Error(`${point} was not hit in ${String(attemptsMax)} attempts`);
}

/** A spare feed without waiting postings and without a delivery run. */
export async function idleSpare({
  stack,
  coreBanking,
  random,
  spareFeeds,
}: PointContext): Promise<SeededFeed> {
  return await waitUntil(
    async () => {
      const feed = random.oneOf(spareFeeds);
      const { rows } = await stack.pool.query<{ idle: boolean }>(
        `SELECT f.state = 'live' AND NOT f.check_requested AND l.holder IS NULL
                AND (SELECT count(*) FROM ledger JOIN batches b USING (batch_id)
                      WHERE ledger.feed_id = f.feed_id AND b.state = 'delivered') = $2 AS idle
           FROM feeds f LEFT JOIN delivery_locks l ON l.delivery_lock_id = f.connection_id::text WHERE f.feed_id = $1`,
        [feed.feedId, coreBanking.sent(feed)],
      );
      return rows[0]?.idle === true ? feed : undefined;
    },
    { what: 'a spare feed is idle', everyMs: checkEveryMs, timeoutMs: idleMs },
  );
}

type SetBreakpoint = (context: PointContext, feed: SeededFeed) => Promise<Breakpoint>;

const breakpoints: Record<PointName, SetBreakpoint> = {
  before_intent: async (context, feed) => {
    const lock = await lockRow(context, `SELECT 1 FROM feeds WHERE feed_id = $1 FOR UPDATE`, [feed.feedId]);
    return {
      reached: async () => (await lock.waiting()).some((query) => query.includes('FROM feeds')),
      hit: async () => (await openBatch(context, feed)) === undefined,
      release: lock.release,
    };
  },
  after_intent: (context, feed) => {
    const { wire } = context.stack;
    wire.hold((piece) => piece.startsWith('POST ') && piece.includes(feed.accessToken));
    return Promise.resolve({
      reached: () => Promise.resolve(wire.held() > 0),
      hit: async () => {
        const batch = await openBatch(context, feed);
        return batch !== undefined && batch.jobId === null && !(await arrived(context, batch.key));
      },
      release: () => Promise.resolve(wire.release()),
    });
  },
  in_post: (context, feed) => unanswered(context, feed, 'hang_before_effect'),
  before_job_id: (context, feed) => unanswered(context, feed, 'hang_after_effect'),
  after_job_id: async (context, feed) => {
    const match = { account: feed.rutterAccountId };
    await context.stack.rutter.addFault({ kind: 'slow_job', run_ms: 6_000, match });
    const isKnown = async (): Promise<boolean> => (await openBatch(context, feed))?.jobId != null;
    return { reached: isKnown, hit: isKnown, release: () => context.stack.rutter.removeFaults() };
  },
  after_complete: async (context, feed) => {
    const match = { account: feed.rutterAccountId };
    await context.stack.rutter.addFault({ kind: 'slow_job', run_ms: 1_500, match });
    let lock: RowLock | undefined;
    return {
      reached: async () => {
        if (lock === undefined) {
          if ((await openBatch(context, feed)) === undefined) return false;
          lock = await lockRow(context, `SELECT 1 FROM feeds WHERE feed_id = $1 FOR UPDATE`, [feed.feedId]);
        }
        const waits = (await lock.waiting()).some((query) => query.includes('FROM feeds'));
        return waits && (await openBatch(context, feed)) === undefined;
      },
      hit: async () => (await openBatch(context, feed)) === undefined,
      release: async () => {
        await lock?.release();
        await context.stack.rutter.removeFaults();
      },
    };
  },
};

async function unanswered(
  context: PointContext,
  feed: SeededFeed,
  kind: 'hang_before_effect' | 'hang_after_effect',
): Promise<Breakpoint> {
  await context.stack.rutter.addFault({ kind, match: { method: 'POST', account: feed.rutterAccountId } });
  const atProvider = async (): Promise<boolean> => {
    const batch = await openBatch(context, feed);
    return batch !== undefined && batch.jobId === null && (await arrived(context, batch.key));
  };
  return { reached: atProvider, hit: atProvider, release: () => context.stack.rutter.removeFaults() };
}

/** Whether a POST under this key has reached the sandbox. */
async function arrived({ stack }: ChaosContext, key: string): Promise<boolean> {
  const requests = await stack.rutter.requests(lastRequests);
  return requests.some((request) => isPostOfTransactions(request) && request.idempotency_key === key);
}

/** The feed's open batch. */
export async function openBatch(
  { stack }: ChaosContext,
  feed: SeededFeed,
): Promise<{ key: string; jobId: string | null } | undefined> {
  const { rows } = await stack.pool.query<{ key: string; job_id: string | null }>(
    `SELECT a.idempotency_key AS key, a.job_id FROM batches b JOIN attempts a USING (batch_id)
      WHERE b.feed_id = $1 AND b.state = 'open' ORDER BY a.number DESC LIMIT 1`,
    [feed.feedId],
  );
  return rows[0] === undefined ? undefined : { key: rows[0].key, jobId: rows[0].job_id };
}

export interface RowLock {
  /** The statements that wait for the row. */
  readonly waiting: () => Promise<string[]>;
  readonly release: () => Promise<void>;
}

/** Locks a row in a transaction on a separate connection, which has none of the time-outs of the service's pool. */
export async function lockRow(
  { stack }: ChaosContext,
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
