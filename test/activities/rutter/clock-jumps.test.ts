import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { rutterDeliverSlice } from '../../../src/activities/rutter/delivery/run-delivery.js';
import type { ActivityDeps } from '../../../src/activities/deps.js';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import {
  createDeliveryWorld,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryWorld,
} from '../../support/rutter/delivery-fixture.js';

/** The clock of one worker jumps; PostgreSQL, a process of its own, keeps the time that counts. */

const startDate = '2026-03-01T00:00:00.000Z';
const hourMs = 3_600_000;
let world: DeliveryWorld;

beforeAll(async () => {
  world = await createDeliveryWorld();
});
afterAll(async () => {
  await world.close();
});
afterEach(async () => {
  vi.useRealTimers();
  await world.control('DELETE', '/faults');
  expect(await world.violations()).toMatchObject({ violations: [], resent: [] });
});

/** From now on `Date` of this process is off by so much, and goes on from there. */
function jumpBy(offsetMs: number): void {
  const realNow = performance.timeOrigin + performance.now();
  vi.useFakeTimers({ toFake: ['Date'], now: realNow + offsetMs, shouldAdvanceTime: false });
}

async function dueInHours(feed: DeliveryFeed): Promise<number> {
  const { rows } = await world.pool.query<{ hours: number }>(
    `SELECT extract(epoch FROM next_sync_at - clock_timestamp())::float8 / 3600 AS hours FROM feeds WHERE feed_id = $1`,
    [feed.feedId],
  );
  return rows[0]?.hours ?? Number.NaN;
}

const jumps = [
  { name: 'an hour ahead', offsetMs: hourMs },
  { name: 'an hour behind', offsetMs: -hourMs },
  { name: 'ten minutes behind', offsetMs: -hourMs / 6 },
  { name: 'two days behind', offsetMs: -48 * hourMs },
];

describe.each(jumps)('a worker whose clock is $name', ({ offsetMs }) => {
  it('delivers everything once, and the next look is due when the servers say so', async () => {
    const feed = await world.makeFeed({ startDate });
    await world.addPostings(feed, postingsFrom({ from: startDate, count: 2_500 }));
    const posts = await world.posts();
    jumpBy(offsetMs);
    const result = await world.slice(feed);
    expect(result).toMatchObject({ outcome: 'caught_up', batches: 3 });
    expect((await world.posts()) - posts).toBe(3);
    expect(await world.book(feed)).toHaveLength(2_500);
    expect(await dueInHours(feed)).toBeGreaterThan(19.9);
    expect(await dueInHours(feed)).toBeLessThan(23.1);
    // What the workflow is told is measured against the server's clock, which PostgreSQL shares.
    const { rows } = await world.pool.query<{ now_ms: number }>(
      `SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms`,
    );
    expect((result.nextSyncAtMs ?? 0) - (rows[0]?.now_ms ?? 0)).toBeGreaterThan(19.9 * hourMs);
  });

  it('neither lengthens nor shortens the lease of a lane, nor the trust in a key', async () => {
    const feed = await world.makeFeed({ startDate });
    await world.addPostings(feed, postingsFrom({ from: startDate, count: 5 }));
    await world.control('POST', '/faults', {
      ...{ kind: 'reset_after_effect', point: 'before_any_byte', times: 1 },
      match: { method: 'POST', path: 'bank_feeds/transactions' },
    });
    jumpBy(offsetMs);
    let leaseMs = Number.NaN;
    const { rutter } = world.deps;
    const deps: ActivityDeps = {
      ...world.deps,
      rutter: {
        ...rutter,
        postTransactions: async (input) => {
          const { rows } = await world.pool.query<{ lease_ms: number }>(
            `SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 * 1000 AS lease_ms
               FROM lanes WHERE lane_id = $1`,
            [feed.connectionId],
          );
          leaseMs = rows[0]?.lease_ms ?? Number.NaN;
          return await rutter.postTransactions(input);
        },
      },
    };
    const attempt = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => undefined) });
    await expect(
      attempt.run(rutterDeliverSlice(deps), { feedId: feed.feedId, readAccount: false }),
    ).rejects.toThrow();
    expect(leaseMs).toBeGreaterThan(8_000);
    expect(leaseMs).toBeLessThanOrEqual(10_000);
    // Taken up by a process with another clock: the same key, which Rutter replays, and not a second booking.
    vi.useRealTimers();
    expect(await world.slice(feed)).toMatchObject({ outcome: 'caught_up' });
    const { rows } = await world.pool.query(
      `SELECT 1 FROM attempts a JOIN batches b USING (batch_id) WHERE b.feed_id = $1`,
      [feed.feedId],
    );
    expect(rows).toHaveLength(1);
    expect(await world.book(feed)).toHaveLength(5);
  });
});

describe('a clock that jumps in the middle of a slice', () => {
  it.each([hourMs, -hourMs])(
    'by %d ms neither ends the slice early nor sends anything twice',
    async (byMs) => {
      const feed = await world.makeFeed({ startDate });
      await world.addPostings(feed, postingsFrom({ from: startDate, count: 2_500 }));
      const posts = await world.posts();
      const { rutter } = world.deps;
      const deps: ActivityDeps = {
        ...world.deps,
        rutter: {
          ...rutter,
          postTransactions: async (input) => {
            const answer = await rutter.postTransactions(input);
            jumpBy(byMs);
            return answer;
          },
        },
      };
      const attempt = new MockActivityEnvironment(
        {},
        { logger: new DefaultLogger('ERROR', () => undefined) },
      );
      const result = await attempt.run(rutterDeliverSlice(deps), { feedId: feed.feedId, readAccount: false });
      expect(result).toMatchObject({ outcome: 'caught_up', batches: 3 });
      expect((await world.posts()) - posts).toBe(3);
      expect(await world.book(feed)).toHaveLength(2_500);
    },
  );
});
