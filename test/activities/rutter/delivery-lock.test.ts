import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import type { RunDeliveryResult } from '../../../src/activities/rutter/delivery/run-delivery.js';
import { deliveryLockOf } from '../../../src/domain/rutter/delivery-lock.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';
import { until } from '../../support/until.js';

const startDate = '2026-03-01T00:00:00.000Z';
const batchPost = { method: 'POST', path: 'bank_feeds/transactions' };
let fixture: DeliveryFixture;

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
beforeEach(async () => {
  await fixture.control('DELETE', '/faults');
});
afterEach(async () => {
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
});

/** A sender whose process is frozen before its next request to Rutter, until it is woken. */
interface FrozenSender {
  /** The result of its delivery run after it was woken. */
  readonly deliveryRun: Promise<RunDeliveryResult | Error>;
  wake(): void;
}

/** Starts a delivery run and freezes it before its n-th request, with an expired lease in the database. */
async function freezeBefore(nth: number, feed: DeliveryFeed): Promise<FrozenSender> {
  let wake: () => void = () => undefined;
  const awake = new Promise<void>((resolve) => (wake = resolve));
  let requests = 0;
  const acquire = async () => {
    requests += 1;
    if (requests >= nth) await awake;
  };
  const rutter = fixture.clientOf({ acquire, slowDown: () => Promise.resolve() });
  const deliveryRun = runDelivery(feed, { ...fixture.deps, rutter });
  await until(() => Promise.resolve(requests >= nth), {
    timeoutMs: 10_000,
    describe: 'it is before its request',
  });
  await expireLease(feed);
  return { deliveryRun, wake };
}

function runDelivery(feed: DeliveryFeed, deps: ActivityDeps): Promise<RunDeliveryResult | Error> {
  return fixture.deliveryRun(feed, { deps }).catch((error: unknown) => {
    if (error instanceof Error) return error;
    throw error;
  });
}

/** Expires the lease as after ten seconds without renewal. An expired lease cannot be renewed. */
async function expireLease(feed: DeliveryFeed): Promise<void> {
  const { rowCount } = await fixture.pool.query(
    `UPDATE delivery_locks SET lease_until = clock_timestamp() - interval '1 second' WHERE delivery_lock_id = $1 AND holder IS NOT NULL`,
    [deliveryLockOf(feed)],
  );
  expect(rowCount).toBe(1);
}

const makeFilledFeed = (count: number, connection: { connectionId?: string } = {}) =>
  fixture.makeFilledFeed({ startDate, count, ...connection });

async function expectBookedOnce(feed: DeliveryFeed, count: number): Promise<void> {
  const ids = postingsFrom({ from: startDate, count }).map(({ id }) => id);
  expect(await fixture.bookedIds(feed)).toEqual(ids);
}

async function keysOf(feed: DeliveryFeed): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ idempotency_key: string }>(
    `SELECT a.idempotency_key FROM attempts a JOIN batches b USING (batch_id) WHERE b.feed_id = $1 ORDER BY b.number`,
    [feed.feedId],
  );
  return rows.map((row) => row.idempotency_key);
}

async function postedKeys(): Promise<(string | null)[]> {
  const { requests } = (await fixture.control('GET', '/requests')) as {
    requests: { method: string; path: string; idempotency_key: string | null }[];
  };
  return requests
    .filter((request) => request.method === 'POST' && request.path.includes(batchPost.path))
    .map((request) => request.idempotency_key);
}

describe('a sender frozen past its lease', () => {
  it('before its POST only repeats the stored key when it wakes: no new key, nothing booked twice', async () => {
    const feed = await makeFilledFeed(2_500);
    const before = (await postedKeys()).length;
    const frozen = await freezeBefore(1, feed);

    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 2_500 });
    const keys = await keysOf(feed);
    expect((await postedKeys()).slice(before)).toEqual(keys);

    frozen.wake();
    expect(await frozen.deliveryRun).toMatchObject({ outcome: 'lock_busy', delivered: 0 });
    expect((await postedKeys()).slice(before)).toEqual([...keys, keys[0]]);
    expect(await keysOf(feed)).toEqual(keys);
    await expectBookedOnce(feed, 2_500);
  });

  it('during its POST changes nothing that its successor did', async () => {
    const feed = await makeFilledFeed(1_200);
    await fixture.control('POST', '/faults', { kind: 'hang_after_effect', match: batchPost, times: 1 });
    const posts = await fixture.posts();
    const frozen = runDelivery(feed, fixture.deps);
    await until(async () => (await fixture.book(feed)).length > 0, {
      timeoutMs: 10_000,
      describe: 'Rutter has it',
    });
    await expireLease(feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1_200 });
    const keys = await keysOf(feed);

    expect(await frozen).toBeInstanceOf(Error);
    expect((await fixture.posts()) - posts).toBe(3);
    expect(await keysOf(feed)).toEqual(keys);
    await expectBookedOnce(feed, 1_200);
  });

  it('that wakes to a refusal undoes nothing, quarantines nothing and blocks no feed', async () => {
    const feed = await makeFilledFeed(1);
    const refused = { kind: 'platform_bad_request', accepted: false, match: batchPost, times: 1 };
    await fixture.control('POST', '/faults', refused);
    const posts = await fixture.posts();
    // Its POST was refused, and its next request reads the explanation.
    const frozen = await freezeBefore(2, feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });

    frozen.wake();
    expect(await frozen.deliveryRun).toMatchObject({ outcome: 'lock_busy', reason: null });
    expect((await fixture.posts()) - posts).toBe(2);
    await expectBookedOnce(feed, 1);
    const { rows } = await fixture.pool.query(
      `SELECT b.state, l.exception FROM batches b JOIN ledger l USING (batch_id) WHERE b.feed_id = $1`,
      [feed.feedId],
    );
    expect(rows).toEqual([{ state: 'delivered', exception: null }]);
  });
});

async function faultsFired(): Promise<number> {
  const { faults } = (await fixture.control('GET', '/faults')) as { faults: { fired: number }[] };
  return faults.reduce((sum, each) => sum + each.fired, 0);
}

describe('the open batch of a crashed sender', () => {
  it('is completed by the sender of another feed before it builds its own', async () => {
    const crashed = await makeFilledFeed(1_200);
    const other = await makeFilledFeed(5, { connectionId: crashed.connectionId });
    const before = (await postedKeys()).length;
    const frozen = await freezeBefore(1, crashed);
    const [openKey] = await keysOf(crashed);

    expect(await fixture.deliveryRun(other)).toMatchObject({
      outcome: 'caught_up',
      batches: 2,
      delivered: 1_005,
    });

    const [own] = await keysOf(other);
    expect((await postedKeys()).slice(before)).toEqual([openKey, own]);
    expect(await fixture.book(crashed)).toHaveLength(1_000);
    await expectBookedOnce(other, 5);
    // Its other postings are delivered by its own feed.
    expect(await fixture.deliveryRun(crashed)).toMatchObject({ outcome: 'caught_up', delivered: 200 });
    frozen.wake();
    expect(await frozen.deliveryRun).toMatchObject({ outcome: 'lock_busy' });
    await expectBookedOnce(crashed, 1_200);
  });

  it('is not touched by other senders while its lease is held', async () => {
    const busy = await makeFilledFeed(5);
    const other = await makeFilledFeed(5, { connectionId: busy.connectionId });
    const slow = { kind: 'slow', delay_ms: 1_000, match: batchPost, times: 1 };
    await fixture.control('POST', '/faults', slow);
    const sending = runDelivery(busy, fixture.deps);
    await until(async () => (await faultsFired()) >= 1, {
      timeoutMs: 10_000,
      describe: 'the POST is in progress',
    });
    expect(await fixture.deliveryRun(other)).toMatchObject({ outcome: 'lock_busy', delivered: 0 });
    expect(await keysOf(other)).toEqual([]);
    expect(await sending).toMatchObject({ outcome: 'caught_up' });
  });
});
