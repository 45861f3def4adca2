import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closeAccount } from '../../../src/db/account-life.js';
import { countByDeliveryStatus, readPostingWithStatus } from '../../../src/db/rutter/delivery-status.js';
import type { Pool, PoolClient } from '../../../src/db/pool.js';
import { closeWithAccount, reopenWithAccount } from '../../../src/db/rutter/account-closing.js';
import { applyFeedRequest } from '../../../src/db/rutter/feed-facts.js';
import {
  listFeedsClosedWithAccount,
  listFeedsOfChangedAccount,
  readFeed,
} from '../../../src/db/rutter/feeds.js';
import { decidePosting } from '../../../src/db/rutter/posting-decisions.js';
import { listUnwokenFeeds } from '../../../src/db/rutter/repair-views.js';
import { addDays, todayIn } from '../../../src/domain/booking-day.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

let fixture: DeliveryFixture;
const start = '2026-03-01T00:00:00.000Z';
const today = () => todayIn(null, Date.now());

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

async function feedWith(count: number): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ startDate: start });
  await fixture.addPostings(feed, postingsFrom({ from: start, count }));
  return feed;
}

const setClosedOn = (feed: DeliveryFeed, closedOn: string | null) =>
  fixture.pool.query(`UPDATE accounts SET closed_on = $2 WHERE account_id = $1`, [feed.accountId, closedOn]);
const close = (feed: DeliveryFeed) =>
  closeAccount(fixture.pool, { accountId: feed.accountId, todayIn: (zone) => todayIn(zone, Date.now()) });
const stateOf = async (feed: DeliveryFeed) => (await readFeed(fixture.pool, feed))?.state;
const counts = (feed: DeliveryFeed) => countByDeliveryStatus(fixture.pool, feed);
const bookedIds = async (feed: DeliveryFeed) =>
  (await fixture.book(feed)).map((booked) => booked.transaction_id);

async function timelineOf(feed: DeliveryFeed): Promise<unknown[]> {
  const { rows } = await fixture.pool.query<{ kind: string; detail: unknown }>(
    `SELECT kind, detail FROM timeline WHERE feed_id = $1 ORDER BY entry_id`,
    [feed.feedId],
  );
  return rows.filter(({ kind }) => kind.startsWith('feed_'));
}

/** A pool whose first connection does something before its first statement that contains a text. */
function poolThat(before: string, does: () => Promise<void>): Pool {
  let isDone = false;
  const wrapped = (client: PoolClient) => ({
    release: (error?: Error) => {
      client.release(error);
    },
    query: async (text: string, values?: unknown[]) => {
      if (!isDone && text.includes(before)) {
        isDone = true;
        await does();
      }
      return await client.query(text, values);
    },
  });
  return { connect: async () => wrapped(await fixture.pool.connect()) } as unknown as Pool;
}

describe('the feed of a closed account', () => {
  it('examines later what arrives while its closing is decided, also dated before what was delivered', async () => {
    const feed = await feedWith(2);
    await fixture.deliveryRun(feed);
    await close(feed);
    const late = (id: string) => () => fixture.addPostings(feed, [{ id, postedAt: start }]);
    const input = { feedId: feed.feedId, todayOf: today };
    const closed = await closeWithAccount(poolThat('INSERT INTO timeline', late('during-closing')), input);
    expect(closed).toMatchObject({ closedBy: 'account' });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 1 });
    expect(
      await reopenWithAccount(poolThat('examined_sequence = $2', late('during-check')), input),
    ).toBeNull();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 1 });
    expect(await counts(feed)).toMatchObject({ delivered: 4, ready: 0 });
  });

  it('does not close while postings of a refused batch are undecided', async () => {
    const feed = await feedWith(0);
    await close(feed);
    await fixture.pool.query(
      `UPDATE feeds SET account_status = 'inactive', state = 'disconnected', bisection_left = 1, bisection_bad = 0
        WHERE feed_id = $1`,
      [feed.feedId],
    );
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', state: 'disconnected' });
    await fixture.pool.query(
      `UPDATE feeds SET account_status = 'active', state = 'live' WHERE feed_id = $1`,
      [feed.feedId],
    );
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed' });
  });

  it('delivers what was posted and then closes by itself, with the timeline', async () => {
    const feed = await feedWith(3);
    await close(feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'closed',
      state: 'closed',
      delivered: 3,
    });
    expect(await bookedIds(feed)).toHaveLength(3);
    expect(await timelineOf(feed)).toEqual([
      { kind: 'feed_closed', detail: { by: 'account', closed_on: today() } },
    ]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed' });
  });

  it('delivers what is booked up to the last day, and holds the rest visibly', async () => {
    const feed = await feedWith(0);
    await fixture.addPostings(feed, [
      { id: 'before', postedAt: '2026-03-04T23:59:59Z' },
      { id: 'last', postedAt: '2026-03-05T23:59:59Z' },
      { id: 'after', postedAt: '2026-03-06T00:00:00Z' },
    ]);
    await setClosedOn(feed, '2026-03-05');
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed' });
    expect(await bookedIds(feed)).toEqual(['before', 'last']);
    expect(await counts(feed)).toMatchObject({ delivered: 2, held: 1, ready: 0 });
    const after = await readPostingWithStatus(fixture.pool, { feedId: feed.feedId, transactionId: 'after' });
    expect(after).toMatchObject({ deliveryStatus: 'held', holdReason: 'account_closed' });
  });

  it('stays open while the last day lies in the future, and sends nothing booked after it', async () => {
    const feed = await feedWith(1);
    await setClosedOn(feed, addDays(today(), 2));
    await fixture.addPostings(feed, [{ id: 'after', postedAt: `${addDays(today(), 3)}T00:00:00Z` }]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
    expect(await stateOf(feed)).toBe('live');
    await setClosedOn(feed, today());
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed' });
  });

  it('reads the day in the zone of its account', async () => {
    const zones = { east: 'Pacific/Kiritimati', west: 'Pacific/Pago_Pago' };
    for (const [name, zone] of Object.entries(zones)) {
      const feed = await feedWith(0);
      await fixture.pool.query(`UPDATE accounts SET time_zone = $2 WHERE account_id = $1`, [
        feed.accountId,
        zone,
      ]);
      await close(feed);
      const { rows } = await fixture.pool.query<{ closed_on: string }>(
        `SELECT closed_on FROM accounts WHERE account_id = $1`,
        [feed.accountId],
      );
      expect([name, rows[0]?.closed_on]).toEqual([name, todayIn(zone, Date.now())]);
      await setClosedOn(feed, addDays(todayIn(zone, Date.now()), 1));
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up' });
      await setClosedOn(feed, todayIn(zone, Date.now()));
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed' });
    }
  });

  it('opens again for a late posting of its last days, sends it, and closes again', async () => {
    const feed = await feedWith(1);
    await close(feed);
    await fixture.deliveryRun(feed);
    await fixture.addPostings(feed, [{ id: 'late', postedAt: '2026-03-02T10:00:00Z' }]);
    expect(await listFeedsClosedWithAccount(fixture.pool, feed)).toEqual([feed.feedId]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 1 });
    expect(await bookedIds(feed)).toEqual(['tx-000001', 'late']);
    expect(await timelineOf(feed)).toMatchObject([
      { kind: 'feed_closed' },
      { kind: 'feed_opened_again', detail: { by: 'account' } },
      { kind: 'feed_closed' },
    ]);
  });

  it('is found by the repair job when the signal of a late posting was lost, until it was looked at', async () => {
    const feed = await feedWith(1);
    await close(feed);
    await fixture.deliveryRun(feed);
    const found = async () =>
      (await listUnwokenFeeds(fixture.pool, { afterId: null, limit: 1_000 })).feedIds.includes(feed.feedId);
    expect(await found()).toBe(false);
    await fixture.addPostings(feed, [{ id: 'void', postedAt: start, status: 'void' }]);
    await fixture.pool.query(`UPDATE postings SET received_at = now() - interval '1 minute'`);
    expect(await found()).toBe(true);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 0 });
    expect(await found()).toBe(false);
    expect(await timelineOf(feed)).toHaveLength(1);
  });

  it('closes at once when Sage has never chosen it, and no late posting opens it', async () => {
    const feed = await fixture.makeFeed();
    await fixture.addPostings(feed, postingsFrom({ from: start, count: 2 }));
    await close(feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed' });
    await fixture.addPostings(feed, [{ id: 'late', postedAt: start }]);
    expect(await listFeedsClosedWithAccount(fixture.pool, feed)).toEqual([]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed' });
    expect(await stateOf(feed)).toBe('closed');
  });

  it.each([
    ['paused', `operator = 'paused', state = 'paused'`, 'waiting'],
    ['disconnected with something left', `account_status = 'inactive', state = 'disconnected'`, 'waiting'],
    ['blocked with something left', `reason = 'job_lost'`, 'waiting'],
  ])('stays open while it is %s', async (_, change, outcome) => {
    const feed = await feedWith(1);
    await fixture.pool.query(`UPDATE feeds SET ${change} WHERE feed_id = $1`, [feed.feedId]);
    await close(feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome });
    expect(await stateOf(feed)).not.toBe('closed');
  });

  it('closes when it is disconnected or refused and nothing is left to send', async () => {
    for (const change of [`account_status = 'inactive', state = 'disconnected'`, `reason = 'job_lost'`]) {
      const feed = await feedWith(1);
      await fixture.deliveryRun(feed);
      await fixture.pool.query(`UPDATE feeds SET ${change} WHERE feed_id = $1`, [feed.feedId]);
      await close(feed);
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed' });
    }
  });

  it('does not close while a batch is in flight, and closes when its outcome is known', async () => {
    const feed = await feedWith(1);
    const lost = { kind: 'reset_after_effect', point: 'before_any_byte', times: 1 };
    await fixture.control('POST', '/faults', { ...lost, match: { method: 'POST', path: 'transactions' } });
    await fixture.deliveryRun(feed).catch(() => undefined);
    await close(feed);
    await fixture.pool.query(`UPDATE feeds SET account_status = 'inactive' WHERE feed_id = $1`, [
      feed.feedId,
    ]);
    expect(await stateOf(feed)).not.toBe('closed');
    await fixture.pool.query(`UPDATE feeds SET account_status = 'active' WHERE feed_id = $1`, [feed.feedId]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 1 });
    expect(await bookedIds(feed)).toEqual(['tx-000001']);
  });

  it('opens again when its account does, and sends what was booked meanwhile and before', async () => {
    const feed = await feedWith(0);
    await fixture.addPostings(feed, [
      { id: 'a', postedAt: '2026-03-02T00:00:00Z' },
      { id: 'c', postedAt: '2026-03-04T00:00:00Z' },
    ]);
    await fixture.deliveryRun(feed);
    await setClosedOn(feed, '2026-03-02');
    // Booked after the closing, but before what was delivered already.
    await fixture.addPostings(feed, [{ id: 'b', postedAt: '2026-03-03T00:00:00Z' }]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 0 });
    expect(await counts(feed)).toMatchObject({ held: 1 });
    expect(await listFeedsOfChangedAccount(fixture.pool, feed)).toEqual([feed.feedId]);
    await setClosedOn(feed, null);
    await fixture.pool.query(`UPDATE feeds SET examined_sequence = 0 WHERE account_id = $1`, [
      feed.accountId,
    ]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
    expect(await bookedIds(feed)).toEqual(['a', 'c', 'b']);
    expect(await stateOf(feed)).toBe('live');
  });

  it('that a person closed stays closed, whatever becomes of the account', async () => {
    const feed = await feedWith(1);
    await applyFeedRequest(fixture.pool, { feedId: feed.feedId, action: 'close' });
    await close(feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 0 });
    await setClosedOn(feed, null);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 0 });
    expect(await listFeedsOfChangedAccount(fixture.pool, feed)).toEqual([]);
  });

  it('lets operators decide on what it holds: a released posting is sent, and the feed closes again', async () => {
    const feed = await feedWith(2);
    const decision = { feedId: feed.feedId, transactionId: 'tx-000001', reason: 'seen' };
    await decidePosting(fixture.pool, { ...decision, action: 'hold' });
    await close(feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 1 });
    const released = await decidePosting(fixture.pool, { ...decision, action: 'release' });
    expect(released).toMatchObject({ kind: 'done' });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 1 });
    expect(await bookedIds(feed)).toHaveLength(2);
  });

  it('loses no posting that arrives while it closes', async () => {
    for (let round = 0; round < 5; round += 1) {
      const feed = await feedWith(1);
      await close(feed);
      await Promise.all([
        fixture.deliveryRun(feed),
        fixture.addPostings(feed, [{ id: 'meanwhile', postedAt: '2026-03-02T00:00:00Z' }]),
      ]);
      // The signal for it, or the repair job.
      for (let runs = 0; runs < 3; runs += 1) await fixture.deliveryRun(feed);
      expect((await bookedIds(feed)).sort()).toEqual(['meanwhile', 'tx-000001']);
      expect(await stateOf(feed)).toBe('closed');
    }
  });
});

describe('closing an account', () => {
  it('again keeps its day, and brings a later one forward', async () => {
    const feed = await feedWith(0);
    await setClosedOn(feed, '2026-01-05');
    expect(await close(feed)).toMatchObject({ closedOn: '2026-01-05' });
    await setClosedOn(feed, addDays(today(), 30));
    expect(await close(feed)).toMatchObject({ closedOn: today() });
  });

  it('that does not exist, or is of another customer, changes nothing', async () => {
    const feed = await feedWith(0);
    const todayOf = () => today();
    expect(await closeAccount(fixture.pool, { accountId: 'unknown', todayIn: todayOf })).toBeNull();
    const other = { accountId: feed.accountId, customerId: 'another', todayIn: todayOf };
    expect(await closeAccount(fixture.pool, other)).toBeNull();
    const { rows } = await fixture.pool.query(`SELECT closed_on FROM accounts WHERE account_id = $1`, [
      feed.accountId,
    ]);
    expect(rows).toEqual([{ closed_on: null }]);
  });
});
