import { afterAll, beforeAll, expect, test } from 'vitest';
import pg from 'pg';
import { createRateLimiter, LimiterSaturated } from '../../src/db/rate-limiter.js';
import type { RequestPriority, RateLimiter, RateLimits } from '../../src/db/rate-limiter.js';
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

/** Two limiters of one budget, as two processes have them. */
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

/** Asks for turn after turn until the time is over. */
async function pressUntil(
  limiter: RateLimiter,
  priority: RequestPriority,
  endMs: number,
  turns: Turn[],
): Promise<void> {
  while (performance.now() < endMs) {
    const askedMs = performance.now();
    await limiter.acquire({ priority });
    const atMs = performance.now();
    turns.push({ priority, waitedMs: atMs - askedMs, atMs });
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

test('two processes under full pressure never send more than 500 requests in any 10 s, and lose little of the rate', async () => {
  const turns: Turn[] = [];
  const endMs = performance.now() + 11_500;
  const presses = pair('full-pressure').flatMap((limiter) => [
    // As many as wait on a busy machine, too: the limiter shall be the bound, not how fast they ask again.
    ...Array.from({ length: 100 }, () => pressUntil(limiter, 'deliver', endMs, turns)),
    ...Array.from({ length: 3 }, () => pressUntil(limiter, 'interactive', endMs, turns)),
  ]);
  await Promise.all(presses);

  expect(mostInAnyWindow(turns, 10_000)).toBeLessThanOrEqual(500);
  expect(mostInAnyWindow(turns, 10_000)).toBeGreaterThan(440);
}, 30_000);

test('deliveries alone leave the reserved part unused, and a waiting person gets a turn at once behind a long queue of them', async () => {
  const limits = { ratePerSecond: 95, burst: 20, reservedPerSecond: 10, reservedBurst: 5 };
  const [first, second] = pair('people-first', { limits });
  const turns: Turn[] = [];
  const endMs = performance.now() + 4_000;
  const deliveries = [first, second].flatMap((limiter) =>
    Array.from({ length: 60 }, () => pressUntil(limiter, 'deliver', endMs, turns)),
  );
  const people: Turn[] = [];
  // 8 a second, in a rate of 10 that is theirs.
  while (performance.now() < endMs - 500) {
    const next = new Promise((resolve) => setTimeout(resolve, 125));
    const askedMs = performance.now();
    await second.acquire({ priority: 'interactive' });
    people.push({ priority: 'interactive', waitedMs: performance.now() - askedMs, atMs: performance.now() });
    await next;
  }
  await Promise.all(deliveries);

  const waitsOfDeliveries = turns.map((turn) => turn.waitedMs).sort((left, right) => left - right);
  const medianMs = waitsOfDeliveries[Math.floor(waitsOfDeliveries.length / 2)] ?? 0;
  expect(medianMs).toBeGreaterThan(1_000);
  expect(people.length).toBeGreaterThan(20);
  expect(Math.max(...people.map((turn) => turn.waitedMs))).toBeLessThan(medianMs / 2);
  // 85 a second and a burst of 15 in 2 s, and what falls into 100 ms of lateness.
  expect(mostInAnyWindow(turns, 2_000)).toBeLessThanOrEqual(85 * 2.1 + 15);
}, 20_000);

test('people may use the whole rate when nothing is delivered', async () => {
  const limits = { ratePerSecond: 1_000, burst: 20, reservedPerSecond: 5, reservedBurst: 5 };
  const [limiter] = pair('whole-rate', { limits });
  const startMs = performance.now();
  await Promise.all(Array.from({ length: 60 }, () => limiter.acquire({ priority: 'interactive' })));
  expect(performance.now() - startMs).toBeLessThan(3_000);
});

test('a pause asked for by one process holds back every other, also those that wait for a turn already given', async () => {
  const limits = { ratePerSecond: 10, burst: 2, reservedPerSecond: 2, reservedBurst: 1 };
  const [first, second] = pair('pause', { limits });
  await second.acquire({ priority: 'deliver' });
  const waiting = Array.from({ length: 6 }, () => second.acquire({ priority: 'deliver' }));
  // Their turns are given once the row says so: six turns of 125 ms after the first.
  await untilTurnsGiven('pause', 6 * 125);
  const pausedMs = performance.now();
  const times: number[] = [];
  const noted = waiting.map(async (turn) => {
    await turn;
    times.push(performance.now() - pausedMs);
  });
  await first.slowDown({ forMs: 1_500 });
  await Promise.all(noted);
  await first.acquire({ priority: 'interactive' });

  expect(performance.now() - pausedMs).toBeGreaterThan(1_400);
  // Turns that were nearer than the check-up threshold of 250 ms may still be used.
  expect(times.filter((time) => time < 1_400).length).toBeLessThanOrEqual(3);
  expect(times.filter((time) => time >= 1_400).length).toBeGreaterThanOrEqual(3);
});

async function untilTurnsGiven(name: string, aheadMs: number): Promise<void> {
  for (let look = 0; look < 100; look += 1) {
    const { rows } = await pools[0].query<{ ahead: number }>(
      'SELECT EXTRACT(epoch FROM shared_tat - clock_timestamp())::float8 * 1000 AS ahead FROM rate_limits WHERE name = $1',
      [name],
    );
    if ((rows[0]?.ahead ?? 0) > aheadMs - 200) return;
  }
  throw new Error('the turns were not given');
}

test('after a pause turns come one by one at the steady rate, without a burst', async () => {
  const limits = { ratePerSecond: 25, burst: 20, reservedPerSecond: 5, reservedBurst: 5 };
  const [limiter] = pair('after-pause', { limits });
  await limiter.slowDown({ forMs: 300 });
  const startMs = performance.now();
  await Promise.all(Array.from({ length: 11 }, () => limiter.acquire({ priority: 'deliver' })));
  // The first at 300 ms, ten more 50 ms apart.
  expect(performance.now() - startMs).toBeGreaterThan(750);
});

test('a pause of absurd length is built, so that senders come back by themselves', async () => {
  const [limiter] = pair('absurd-pause');
  await limiter.slowDown({ forMs: 1e12 });
  const refusal = await limiter.acquire({ priority: 'deliver' }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(LimiterSaturated);
  expect((refusal as LimiterSaturated).waitMs).toBeGreaterThan(50_000);
  expect((refusal as LimiterSaturated).waitMs).toBeLessThanOrEqual(60_000);
});

test('who would wait too long is refused at once and takes no turn from the others', async () => {
  const limits = { ratePerSecond: 10, burst: 2, reservedPerSecond: 2, reservedBurst: 1 };
  const [limiter] = pair('saturated', { limits, waitMaxMs: 400 });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 200 }, () => limiter.acquire({ priority: 'deliver' })),
  );
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  expect(refused.length).toBeGreaterThan(150);
  expect(refused.every((outcome) => outcome.reason instanceof LimiterSaturated)).toBe(true);
  // Had the refused ones taken turns, the next would be 200 × 125 ms away.
  await limiter.acquire({ priority: 'deliver' });
});

test('an aborted wait ends at once with the reason of the signal', async () => {
  const limits = { ratePerSecond: 2, burst: 2, reservedPerSecond: 1, reservedBurst: 1 };
  const [limiter] = pair('aborted', { limits });
  await limiter.acquire({ priority: 'deliver' });
  const controller = new AbortController();
  const reason = new Error('shutting down');
  const waiting = limiter.acquire({ priority: 'deliver', signal: controller.signal });
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});

test('a clock of the server that is put back by an hour does not stop the senders for an hour', async () => {
  const [limiter] = pair('clock-back');
  await limiter.acquire({ priority: 'deliver' });
  await pools[0].query(
    "UPDATE rate_limits SET shared_tat = now() + interval '1 hour', reserved_tat = now() + interval '1 hour', blocked_until = now() + interval '1 hour' WHERE name = 'clock-back'",
  );
  await limiter.acquire({ priority: 'deliver' });
  await limiter.acquire({ priority: 'interactive' });
});

test('the very first requests of many processes at once make one row and all get a turn', async () => {
  const limiters = pair('first-ever');
  await Promise.all(
    limiters.flatMap((each) => Array.from({ length: 5 }, () => each.acquire({ priority: 'deliver' }))),
  );
  const { rows } = await pools[0].query("SELECT 1 FROM rate_limits WHERE name = 'first-ever'");
  expect(rows).toHaveLength(1);
});
