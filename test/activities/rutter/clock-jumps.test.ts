import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { rutterRunDelivery } from '../../../src/activities/rutter/delivery/run-delivery.js';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

/* The clock of one worker jumps. Decisions use the time of PostgreSQL, which is a process of its own. */

const startDate = '2026-03-01T00:00:00.000Z';
const hourMs = 3_600_000;
let fixture: DeliveryFixture;

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  vi.useRealTimers();
  await fixture.control('DELETE', '/faults');
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
});

/** Sets `Date` of this process ahead by `offsetMs`. */
function jumpBy(offsetMs: number): void {
  const realNow = performance.timeOrigin + performance.now();
  vi.useFakeTimers({ toFake: ['Date'], now: realNow + offsetMs, shouldAdvanceTime: false });
}

async function dueInHours(feed: DeliveryFeed): Promise<number> {
  const { rows } = await fixture.pool.query<{ hours: number }>(
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
  it('delivers everything once, and the next check is due by the time of the database', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 2_500 }));
    const posts = await fixture.posts();
    jumpBy(offsetMs);
    const result = await fixture.deliveryRun(feed);
    expect(result).toMatchObject({ outcome: 'caught_up', batches: 3 });
    expect((await fixture.posts()) - posts).toBe(3);
    expect(await fixture.book(feed)).toHaveLength(2_500);
    expect(await dueInHours(feed)).toBeGreaterThan(19.9);
    expect(await dueInHours(feed)).toBeLessThan(23.1);
    // The result for the workflow is an instant of the server clock, which PostgreSQL shares.
    const { rows } = await fixture.pool.query<{ now_ms: number }>(
      `SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms`,
    );
    expect((result.nextSyncAtMs ?? 0) - (rows[0]?.now_ms ?? 0)).toBeGreaterThan(19.9 * hourMs);
  });

  it('changes neither the lease of a delivery lock nor the validity of a key', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 5 }));
    await fixture.control('POST', '/faults', {
      kind: 'reset_after_effect',
      point: 'before_any_byte',
      times: 1,
      match: { method: 'POST', path: 'bank_feeds/transactions' },
    });
    jumpBy(offsetMs);
    let leaseMs = Number.NaN;
    const { rutter } = fixture.deps;
    const deps: ActivityDeps = {
      ...fixture.deps,
      rutter: {
        ...rutter,
        postTransactions: async (input) => {
          const { rows } = await fixture.pool.query<{ lease_ms: number }>(
            `SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 * 1000 AS lease_ms
               FROM delivery_locks WHERE delivery_lock_id = $1`,
            [feed.connectionId],
          );
          leaseMs = rows[0]?.lease_ms ?? Number.NaN;
          return await rutter.postTransactions(input);
        },
      },
    };
    const attempt = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => undefined) });
    await expect(
      attempt.run(rutterRunDelivery(deps), { feedId: feed.feedId, readAccount: false }),
    ).rejects.toThrow();
    expect(leaseMs).toBeGreaterThan(8_000);
    expect(leaseMs).toBeLessThanOrEqual(10_000);
    // A process with another clock continues with the same key, which Rutter replays: nothing is booked twice.
    vi.useRealTimers();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up' });
    const { rows } = await fixture.pool.query(
      `SELECT 1 FROM attempts a JOIN batches b USING (batch_id) WHERE b.feed_id = $1`,
      [feed.feedId],
    );
    expect(rows).toHaveLength(1);
    expect(await fixture.book(feed)).toHaveLength(5);
  });
});

describe('a clock that jumps in the middle of a delivery run', () => {
  it.each([hourMs, -hourMs])(
    'by %d ms neither ends the delivery run early nor sends anything twice',
    async (byMs) => {
      const feed = await fixture.makeFeed({ startDate });
      await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 2_500 }));
      const posts = await fixture.posts();
      const { rutter } = fixture.deps;
      const deps: ActivityDeps = {
        ...fixture.deps,
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
      const result = await attempt.run(rutterRunDelivery(deps), { feedId: feed.feedId, readAccount: false });
      expect(result).toMatchObject({ outcome: 'caught_up', batches: 3 });
      expect((await fixture.posts()) - posts).toBe(3);
      expect(await fixture.book(feed)).toHaveLength(2_500);
    },
  );
});

describe('the clock of the database, set back', () => {
  /** As a sender leaves the lock that ends while it holds it. */
  async function leaveLease(feed: DeliveryFeed, endsInSeconds: number): Promise<void> {
    await fixture.pool.query(
      `INSERT INTO delivery_locks (delivery_lock_id, holder, lease_until)
       VALUES ($1, gen_random_uuid(), clock_timestamp() + $2::float8 * interval '1 second')`,
      [feed.connectionId, endsInSeconds],
    );
  }

  it('leaves no lease that nobody can take until the clock is again where it was', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 5 }));
    await leaveLease(feed, 3_600);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 5 });
  });

  it('does not make a lease free that may have been given a moment ago', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 5 }));
    await leaveLease(feed, 50);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'lock_busy', delivered: 0 });
  });
});
