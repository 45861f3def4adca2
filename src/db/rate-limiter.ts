import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestPriority } from '../domain/request-priority.js';
import type { Pool, PoolClient } from './pool.js';

export interface RateLimits {
  /** Requests a second over a long time, all priorities together. */
  ratePerSecond: number;
  /** Requests that may come at once after a quiet time, all priorities together. */
  burst: number;
  /** The part of the rate that only `interactive` may use. */
  reservedPerSecond: number;
  /** The part of the burst that only `interactive` may use. */
  reservedBurst: number;
}

/** Rutter allows 500 in any 10 s for the whole organisation: these allow 47.5 × 10 + 20 = 495. */
export const rutterRateLimits: RateLimits = {
  ratePerSecond: 47.5,
  burst: 20,
  reservedPerSecond: 5,
  reservedBurst: 5,
};

/** The longest wait for a turn: a caller that would wait longer fails, releases its slot and tries again later. */
export const limiterWaitMaxMs = 15_000;
/** The longest pause, even if the provider asks for more. */
export const slowDownMaxMs = 60_000;
/** A turn used this late could fall together with later ones, and the sum over 10 s would exceed 500: it is lost. */
const turnLateMaxMs = 100;
/** Turns lost in a row before a late one is used: when all senders are late by the same time, turns do not accumulate. */
const turnsLostMax = 2;
/** After a wait of at least this the row is read again: the provider may have asked for a pause meanwhile. */
const recheckAfterMs = 250;

/** The queue is longer than `limiterWaitMaxMs`, or a pause is. Nothing was sent; retry after `waitMs`. */
export class LimiterSaturated extends Error {
  readonly kind = 'limiter_saturated';
  override readonly name = 'LimiterSaturated';
  constructor(
    readonly priority: RequestPriority,
    readonly waitMs: number,
  ) {
    super(`the request limiter is saturated: a turn would come in ${String(Math.round(waitMs))} ms`);
  }
}

export interface RateLimiterOptions {
  pool: Pool;
  /** The provider's row; all processes with the same name share one budget. */
  name: string;
  limits?: RateLimits | undefined;
  waitMaxMs?: number | undefined;
}

/** Structurally the `RequestLimiter` of `src/clients/rutter/limiter.ts`; clients and db do not import each other. */
export interface RateLimiter {
  /** Waits for a turn. @throws LimiterSaturated, the signal's reason, or what PostgreSQL throws */
  acquire(input: { priority: RequestPriority; signal?: AbortSignal | undefined }): Promise<void>;
  /** No process sends for `forMs`, at most `slowDownMaxMs`; afterwards at the steady rate, without a burst. */
  slowDown(input: { forMs: number }): Promise<void>;
}

/**
 * The limiter over all processes, in PostgreSQL and by its clock. Two buckets (generic cell rate algorithm): `shared`,
 * which everyone uses, and `reserved`, which only `interactive` uses, when it is sooner. Their rates and bursts add up
 * to the limits, so in any span of T seconds at most ratePerSecond × T + burst turns fall, and deliveries can neither
 * use nor delay the reserved part. A turn is taken by one short statement; the wait for it holds no connection.
 */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  const { pool, name, limits = rutterRateLimits, waitMaxMs = limiterWaitMaxMs } = options;
  const bucket = { pool, name, parameters: bucketParameters(limits, waitMaxMs) };

  return {
    async acquire({ priority, signal }) {
      const deadline = performance.now() + waitMaxMs;
      for (let lost = 0; ; lost += 1) {
        signal?.throwIfAborted();
        const { waitMs, askedAtMs } = await takeTurn({
          ...bucket,
          priority,
          waitMaxMs: deadline - performance.now(),
        });
        await sleepUnlessAborted(waitMs, signal);
        // By the server's clock the turn is at the request plus the wait, or a little later; the rest is our lateness.
        const lateMs = performance.now() - askedAtMs - waitMs;
        const usable = lateMs <= turnLateMaxMs || lost >= turnsLostMax;
        if (usable && !(waitMs >= recheckAfterMs && (await isBlocked(pool, name)))) return;
      }
    },

    async slowDown({ forMs }) {
      const pauseMs = Math.min(Math.max(forMs, 0), slowDownMaxMs);
      const { sharedToleranceMs, reservedToleranceMs } = bucket.parameters;
      await pool.query(slowDownSql, [name, pauseMs, sharedToleranceMs, reservedToleranceMs]);
    },
  };
}

interface BucketParameters {
  sharedIntervalMs: number;
  sharedToleranceMs: number;
  reservedIntervalMs: number;
  reservedToleranceMs: number;
  /** Nothing is ever written that lies further ahead than this. */
  horizonMs: number;
}

function bucketParameters(limits: RateLimits, waitMaxMs: number): BucketParameters {
  const sharedIntervalMs = 1_000 / (limits.ratePerSecond - limits.reservedPerSecond);
  const sharedToleranceMs = sharedIntervalMs * (limits.burst - limits.reservedBurst - 1);
  const reservedIntervalMs = 1_000 / limits.reservedPerSecond;
  const reservedToleranceMs = reservedIntervalMs * (limits.reservedBurst - 1);
  const longestBucketMs = Math.max(
    sharedIntervalMs + sharedToleranceMs,
    reservedIntervalMs + reservedToleranceMs,
  );
  const horizonMs = Math.max(slowDownMaxMs, waitMaxMs, limiterWaitMaxMs) + longestBucketMs;
  return { sharedIntervalMs, sharedToleranceMs, reservedIntervalMs, reservedToleranceMs, horizonMs };
}

/**
 * Takes the next turn, if it comes soon enough, and returns the wait until it. The row's lock puts all processes in one
 * order; `at` is one instant for the whole statement. A bucket's time beyond anything we ever write means that the
 * server's clock was put back; the bucket then starts empty instead of blocking everyone until the clock catches up.
 *
 * The commit does not wait for the disk, or a slow one would set the rate while the row is locked. A crash of the server
 * can lose the last 0.6 s of turns, which allows at most one extra burst; its restart takes longer than that.
 */
const takeTurnSql = `
WITH held AS MATERIALIZED (
  SELECT name, shared_tat, reserved_tat, statement_timestamp() AS at,
         statement_timestamp() + $8 * interval '1 millisecond' AS horizon,
         set_config('synchronous_commit', 'off', true)
    FROM rate_limits WHERE name = $1 FOR UPDATE
), sane AS (
  SELECT name, at,
         GREATEST(at, CASE WHEN shared_tat > horizon THEN at + $4 * interval '1 millisecond' ELSE shared_tat END) AS shared_tat,
         GREATEST(at, CASE WHEN reserved_tat > horizon THEN at + $6 * interval '1 millisecond' ELSE reserved_tat END) AS reserved_tat
    FROM held
), turns AS (
  SELECT *,
         GREATEST(at, shared_tat - $4 * interval '1 millisecond') AS shared_turn,
         GREATEST(at, reserved_tat - $6 * interval '1 millisecond') AS reserved_turn
    FROM sane
), turn AS (
  SELECT *,
         $2 = 'interactive' AND reserved_turn <= shared_turn AS is_reserved,
         EXTRACT(epoch FROM
           CASE WHEN $2 = 'interactive' THEN LEAST(reserved_turn, shared_turn) ELSE shared_turn END - at
         )::float8 * 1000 AS wait_ms
    FROM turns
), taken AS (
  UPDATE rate_limits AS r
     SET shared_tat = turn.shared_tat
           + CASE WHEN turn.is_reserved THEN 0 ELSE $3::float8 END * interval '1 millisecond',
         reserved_tat = turn.reserved_tat
           + CASE WHEN turn.is_reserved THEN $5::float8 ELSE 0 END * interval '1 millisecond'
    FROM turn
   WHERE r.name = turn.name AND turn.wait_ms <= $7
  RETURNING 1
)
SELECT wait_ms, EXISTS (SELECT 1 FROM taken) AS taken FROM turn`;

/** The buckets are emptied up to the end of the pause, so that the turns after it come one by one. */
const slowDownSql = `
INSERT INTO rate_limits AS r (name, shared_tat, reserved_tat, blocked_until)
SELECT $1, until + $3 * interval '1 millisecond', until + $4 * interval '1 millisecond', until
  FROM (SELECT statement_timestamp() + $2 * interval '1 millisecond' AS until) AS pause
ON CONFLICT (name) DO UPDATE
   SET shared_tat = GREATEST(r.shared_tat, excluded.shared_tat),
       reserved_tat = GREATEST(r.reserved_tat, excluded.reserved_tat),
       blocked_until = GREATEST(r.blocked_until, excluded.blocked_until)`;

/** A pause longer than any we set comes from a clock that was set back. */
const isBlockedSql = `
SELECT blocked_until > statement_timestamp()
   AND blocked_until <= statement_timestamp() + $2 * interval '1 millisecond' AS blocked
  FROM rate_limits WHERE name = $1`;

interface TakeTurnInput {
  pool: Pool;
  name: string;
  parameters: BucketParameters;
  priority: RequestPriority;
  waitMaxMs: number;
}

interface Turn {
  waitMs: number;
  /** `performance.now()` when the statement was sent. */
  askedAtMs: number;
}

async function takeTurn(input: TakeTurnInput): Promise<Turn> {
  // The wait for a connection is not lateness of the turn, so the clock starts with the statement.
  const client = await input.pool.connect();
  let failure: Error | undefined;
  try {
    const answer = (await queryTurn(client, input)) ?? (await insertAndQueryTurn(client, input));
    if (!answer.taken) throw new LimiterSaturated(input.priority, answer.waitMs);
    return answer;
  } catch (error) {
    if (!(error instanceof LimiterSaturated)) failure = error as Error;
    throw error;
  } finally {
    client.release(failure);
  }
}

async function queryTurn(
  client: PoolClient,
  input: TakeTurnInput,
): Promise<(Turn & { taken: boolean }) | undefined> {
  const { parameters } = input;
  const askedAtMs = performance.now();
  const result = await client.query<{ wait_ms: number; taken: boolean }>(takeTurnSql, [
    input.name,
    input.priority,
    parameters.sharedIntervalMs,
    parameters.sharedToleranceMs,
    parameters.reservedIntervalMs,
    parameters.reservedToleranceMs,
    Math.max(input.waitMaxMs, 0),
    parameters.horizonMs,
  ]);
  const [row] = result.rows;
  return row === undefined ? undefined : { waitMs: row.wait_ms, taken: row.taken, askedAtMs };
}

/** The first request ever under this name. */
async function insertAndQueryTurn(
  client: PoolClient,
  input: TakeTurnInput,
): Promise<Turn & { taken: boolean }> {
  await client.query('INSERT INTO rate_limits (name) VALUES ($1) ON CONFLICT DO NOTHING', [input.name]);
  const answer = await queryTurn(client, input);
  if (answer === undefined) throw new Error(`the row "${input.name}" of rate_limits is gone`);
  return answer;
}

async function isBlocked(pool: Pool, name: string): Promise<boolean> {
  const result = await pool.query<{ blocked: boolean }>(isBlockedSql, [name, slowDownMaxMs]);
  return result.rows[0]?.blocked === true;
}

/** Timers may fire up to a millisecond early, so the wait is rounded up and one added. */
async function sleepUnlessAborted(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (waitMs <= 0) return;
  try {
    await sleep(Math.ceil(waitMs) + 1, undefined, signal === undefined ? {} : { signal });
  } catch {
    signal?.throwIfAborted();
  }
}
