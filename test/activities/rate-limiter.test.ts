import { afterAll, beforeAll, expect, test } from 'vitest';
import pg from 'pg';
import { createRateLimiter, LimiterSaturated } from '../../src/db/rate-limiter.js';
import type { RequestPriority } from '../../src/domain/request-priority.js';
import type { RateLimiter, RateLimits } from '../../src/db/rate-limiter.js';
import { createTestDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';

let database: TestDatabase;
let pools: [pg.Pool, pg.Pool];

beforeAll(async () => {
  database = await createTestDatabase();
  pools = [pool(), pool()];
});

afterAll(async () => {
  await Promise.all(pools.map((each) => each.end()));
  await database.drop();
});

function pool(): pg.Pool {
  return new pg.Pool({ connectionString: database.url, max: 4 });
}

/** Two limiters that share one budget, as two processes do. */
function pair(
  name: string,
  options: { limits?: RateLimits; waitMaxMs?: number } = {},
): [RateLimiter, RateLimiter] {
  return [
    createRateLimiter({ pool: pools[0], name, ...options }),
    createRateLimiter({ pool: pools[1], name, ...options }),
  ];
}

interface Turn {
  priority: RequestPriority;
  waitedMs: number;
  atMs: number;
}

/** Acquires one turn after the other until the time is over. */
async function acquireUntil(
  limiter: RateLimiter,
  priority: RequestPriority,
  endMs: number,
  turns: Turn[],
): Promise<void> {
  while (performance.now() < endMs) {
    const requestedMs = performance.now();
    await limiter.acquire({ priority });
    const atMs = performance.now();
    turns.push({ priority, waitedMs: atMs - requestedMs, atMs });
  }
}

function mostInAnyWindow(turns: readonly Turn[], windowMs: number): number {
  const times = turns.map((turn) => turn.atMs).sort((left, right) => left - right);
  let first = 0;
  let most = 0;
  times.forEach((time, index) => {
    while (time - (times[first] ?? 0) > windowMs) first += 1;
    most = Math.max(most, index - first + 1);
  });
  return most;
}

test('two processes under full load never send more than 500 requests in any 10 s, and use most of the rate', async () => {
  const turns: Turn[] = [];
  const endMs = performance.now() + 11_500;
  const requests = pair('full-pressure').flatMap((limiter) => [
    // Enough to be waiting also on a busy machine: the limiter must be the bound, not the senders.
    ...Array.from({ length: 100 }, () => acquireUntil(limiter, 'delivery', endMs, turns)),
    ...Array.from({ length: 3 }, () => acquireUntil(limiter, 'interactive', endMs, turns)),
  ]);
  await Promise.all(requests);

  expect(mostInAnyWindow(turns, 10_000)).toBeLessThanOrEqual(500);
  expect(mostInAnyWindow(turns, 10_000)).toBeGreaterThan(440);
}, 30_000);

test('deliveries leave the reserved rate unused, and interactive requests are not delayed by a long queue of them', async () => {
  const limits = { ratePerSecond: 95, burst: 20, reservedPerSecond: 10, reservedBurst: 5 };
  const [first, second] = pair('interactive-first', { limits });
  const turns: Turn[] = [];
  const endMs = performance.now() + 4_000;
  const deliveries = [first, second].flatMap((limiter) =>
    Array.from({ length: 60 }, () => acquireUntil(limiter, 'delivery', endMs, turns)),
  );
  const interactive: Turn[] = [];
  // 8 per second, within their reserved rate of 10.
  while (performance.now() < endMs - 500) {
    const next = new Promise((resolve) => setTimeout(resolve, 125));
    const requestedMs = performance.now();
    await second.acquire({ priority: 'interactive' });
    interactive.push({
      priority: 'interactive',
      waitedMs: performance.now() - requestedMs,
      atMs: performance.now(),
    });
    await next;
  }
  await Promise.all(deliveries);

  const waitsOfDeliveries = turns.map((turn) => turn.waitedMs).sort((left, right) => left - right);
  const medianMs = waitsOfDeliveries[Math.floor(waitsOfDeliveries.length / 2)] ?? 0;
  expect(medianMs).toBeGreaterThan(1_000);
  expect(interactive.length).toBeGreaterThan(20);
  expect(Math.max(...interactive.map((turn) => turn.waitedMs))).toBeLessThan(medianMs / 2);
  // 85 per second and a burst of 15 in 2 s, with 100 ms for late measurements.
  expect(mostInAnyWindow(turns, 2_000)).toBeLessThanOrEqual(85 * 2.1 + 15);
}, 20_000);

test('interactive requests may use the whole rate when nothing is delivered', async () => {
  const limits = { ratePerSecond: 1_000, burst: 20, reservedPerSecond: 5, reservedBurst: 5 };
  const [limiter] = pair('whole-rate', { limits });
  const startMs = performance.now();
  await Promise.all(Array.from({ length: 60 }, () => limiter.acquire({ priority: 'interactive' })));
  expect(performance.now() - startMs).toBeLessThan(3_000);
});

test('a pause requested by one process delays all others, including requests that have a turn assigned', async () => {
  const limits = { ratePerSecond: 10, burst: 2, reservedPerSecond: 2, reservedBurst: 1 };
  const [first, second] = pair('pause', { limits });
  await second.acquire({ priority: 'delivery' });
  const waiting = Array.from({ length: 6 }, () => second.acquire({ priority: 'delivery' }));
  // The turns are assigned as soon as the row shows them: six turns of 125 ms after the first.
  await untilTurnsAssigned('pause', 6 * 125);
  const pausedMs = performance.now();
  const times: number[] = [];
  const recorded = waiting.map(async (turn) => {
    await turn;
    times.push(performance.now() - pausedMs);
  });
  await first.slowDown({ forMs: 1_500 });
  await Promise.all(recorded);
  await first.acquire({ priority: 'interactive' });

  expect(performance.now() - pausedMs).toBeGreaterThan(1_400);
  // Turns that were due within the recheck threshold of 250 ms may still be used.
  expect(times.filter((time) => time < 1_400).length).toBeLessThanOrEqual(3);
  expect(times.filter((time) => time >= 1_400).length).toBeGreaterThanOrEqual(3);
});

async function untilTurnsAssigned(name: string, aheadMs: number): Promise<void> {
  for (let read = 0; read < 100; read += 1) {
    const { rows } = await pools[0].query<{ ahead: number }>(
      'SELECT EXTRACT(epoch FROM shared_tat - clock_timestamp())::float8 * 1000 AS ahead FROM rate_limits WHERE name = $1',
      [name],
    );
    if ((rows[0]?.ahead ?? 0) > aheadMs - 200) return;
  }
  throw new Error('the turns were not assigned');
}

test('after a pause turns are given at the steady rate, without a burst', async () => {
  const limits = { ratePerSecond: 25, burst: 20, reservedPerSecond: 5, reservedBurst: 5 };
  const [limiter] = pair('after-pause', { limits });
  await limiter.slowDown({ forMs: 300 });
  const startMs = performance.now();
  await Promise.all(Array.from({ length: 11 }, () => limiter.acquire({ priority: 'delivery' })));
  // The first one after 300 ms, ten more every 50 ms.
  expect(performance.now() - startMs).toBeGreaterThan(750);
});

test('a pause of absurd length is shortened, so that senders continue by themselves', async () => {
  const [limiter] = pair('absurd-pause');
  await limiter.slowDown({ forMs: 1e12 });
  const refusal = await limiter.acquire({ priority: 'delivery' }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(LimiterSaturated);
  expect((refusal as LimiterSaturated).waitMs).toBeGreaterThan(50_000);
  expect((refusal as LimiterSaturated).waitMs).toBeLessThanOrEqual(60_000);
});

test('a request that would wait too long is refused at once and uses no turn', async () => {
  const limits = { ratePerSecond: 10, burst: 2, reservedPerSecond: 2, reservedBurst: 1 };
  const [limiter] = pair('saturated', { limits, waitMaxMs: 400 });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 200 }, () => limiter.acquire({ priority: 'delivery' })),
  );
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  expect(refused.length).toBeGreaterThan(150);
  expect(refused.every((outcome) => outcome.reason instanceof LimiterSaturated)).toBe(true);
  // If the refused requests had used turns, the next one would be 200 × 125 ms away.
  await limiter.acquire({ priority: 'delivery' });
});

test('an aborted wait ends at once with the reason of the signal', async () => {
  const limits = { ratePerSecond: 2, burst: 2, reservedPerSecond: 1, reservedBurst: 1 };
  const [limiter] = pair('aborted', { limits });
  await limiter.acquire({ priority: 'delivery' });
  const controller = new AbortController();
  const reason = new Error('shutting down');
  const waiting = limiter.acquire({ priority: 'delivery', signal: controller.signal });
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});

test('a server clock that is set back by an hour does not stop the senders for an hour', async () => {
  const [limiter] = pair('clock-back');
  await limiter.acquire({ priority: 'delivery' });
  await pools[0].query(
    "UPDATE rate_limits SET shared_tat = now() + interval '1 hour', reserved_tat = now() + interval '1 hour', blocked_until = now() + interval '1 hour' WHERE name = 'clock-back'",
  );
  await limiter.acquire({ priority: 'delivery' });
  await limiter.acquire({ priority: 'interactive' });
});

test('concurrent first requests of several processes create one row and all get a turn', async () => {
  const limiters = pair('first-ever');
  await Promise.all(
    limiters.flatMap((each) => Array.from({ length: 5 }, () => each.acquire({ priority: 'delivery' }))),
  );
  const { rows } = await pools[0].query("SELECT 1 FROM rate_limits WHERE name = 'first-ever'");
  expect(rows).toHaveLength(1);
});
