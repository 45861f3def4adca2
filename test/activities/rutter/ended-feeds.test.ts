import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeAccount } from '../../../src/db/account-life.js';
import { readConnection } from '../../../src/db/connections.js';
import { transaction } from '../../../src/db/pool.js';
import { countByDeliveryStatus, readPostingWithStatus } from '../../../src/db/rutter/delivery-status.js';
import { applyFeedRequest } from '../../../src/db/rutter/feed-facts.js';
import { decidePosting, decidePostings } from '../../../src/db/rutter/posting-decisions.js';
import { createFeed } from '../../../src/db/rutter/publications.js';
import { recordUnlinked, requestUnlink } from '../../../src/db/rutter/unlink-connection.js';
import { todayIn } from '../../../src/domain/booking-day.js';
import {
  createDeliveryFixture,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

/* What postings show, and what operators may decide, when their feed sends nothing any more or not now. */

const start = '2026-03-02T00:00:00.000Z';
let fixture: DeliveryFixture;

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  expect((await fixture.violations()).violations).toEqual([]);
});

/** One delivered posting, one from before the start date, and one that waits. */
async function feedWithOneLeft(): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ startDate: start });
  await fixture.addPostings(feed, [
    { id: 'before', postedAt: '2026-03-01T12:00:00Z' },
    { id: 'sent', postedAt: '2026-03-02T12:00:00Z' },
  ]);
  await fixture.deliveryRun(feed);
  await fixture.addPostings(feed, [{ id: 'left', postedAt: '2026-03-03T12:00:00Z' }]);
  return feed;
}

const counts = (feed: DeliveryFeed) => countByDeliveryStatus(fixture.pool, feed);
const left = (feed: DeliveryFeed) =>
  readPostingWithStatus(fixture.pool, { feedId: feed.feedId, transactionId: 'left' });
const request = (feed: DeliveryFeed, action: 'close' | 'pause' | 'resume') =>
  applyFeedRequest(fixture.pool, { feedId: feed.feedId, action });
const unlink = (feed: DeliveryFeed) =>
  recordUnlinked(fixture.pool, { connectionId: feed.connectionId, wasGone: false, feedInFlight: null });
const setFeed = (feed: DeliveryFeed, change: string) =>
  fixture.pool.query(`UPDATE feeds SET ${change} WHERE feed_id = $1`, [feed.feedId]);
const closeWithAccount = async (feed: DeliveryFeed) => {
  await closeAccount(fixture.pool, {
    accountId: feed.accountId,
    todayIn: (zone) => todayIn(zone, Date.now()),
  });
  await fixture.deliveryRun(feed);
};
const decide = (feed: DeliveryFeed, action: 'hold' | 'release' | 'discard', transactionId = 'left') =>
  decidePosting(fixture.pool, { feedId: feed.feedId, action, transactionId, reason: 'checked' });

describe('a posting of a feed that sends nothing any more', () => {
  it('is held as feed_closed, and ready again when the feed opens again', async () => {
    const feed = await feedWithOneLeft();
    expect(await counts(feed)).toMatchObject({ ready: 1, held: 0, delivered: 1, before_start: 1 });
    await request(feed, 'close');
    expect(await counts(feed)).toMatchObject({ ready: 0, held: 1, delivered: 1, before_start: 1 });
    expect(await left(feed)).toMatchObject({ deliveryStatus: 'held', holdReason: 'feed_closed' });
    const { customerId = '' } = (await readConnection(fixture.pool, feed)) ?? {};
    await transaction(fixture.pool, (db) => createFeed(db, { ...feed, customerId }));
    expect(await left(feed)).toMatchObject({ deliveryStatus: 'ready', holdReason: null });
  });

  it('is held from the request to unlink its connection on', async () => {
    const feed = await feedWithOneLeft();
    await requestUnlink(fixture.pool, feed);
    expect(await left(feed)).toMatchObject({ deliveryStatus: 'held', holdReason: 'feed_closed' });
    await unlink(feed);
    expect(await left(feed)).toMatchObject({ deliveryStatus: 'held', holdReason: 'feed_closed' });
    expect(await counts(feed)).toMatchObject({ ready: 0, delivered: 1 });
  });

  it('is held when it was only suspected of the refusal of its batch', async () => {
    const feed = await feedWithOneLeft();
    const poison = { kind: 'poison', transaction_ids: ['left'], match: { path: 'bank_feeds/transactions' } };
    await fixture.control('POST', '/faults', poison);
    await fixture.deliveryRun(feed);
    await fixture.pool.query(
      `UPDATE ledger SET exception = 'suspected' WHERE feed_id = $1 AND transaction_id = 'left'`,
      [feed.feedId],
    );
    expect(await left(feed)).toMatchObject({ deliveryStatus: 'batched' });
    await request(feed, 'close');
    expect(await left(feed)).toMatchObject({ deliveryStatus: 'held', holdReason: 'feed_closed' });
  });

  it('keeps the reason that an operator or its own status gives', async () => {
    const feed = await feedWithOneLeft();
    await decide(feed, 'hold');
    await fixture.addPostings(feed, [{ id: 'open', postedAt: '2026-03-04T12:00:00Z', status: 'pending' }]);
    await request(feed, 'close');
    expect(await left(feed)).toMatchObject({ holdReason: 'operator' });
    const open = await readPostingWithStatus(fixture.pool, { feedId: feed.feedId, transactionId: 'open' });
    expect(open).toMatchObject({ deliveryStatus: 'held', holdReason: 'pending' });
  });

  it('is ready when its feed closed with its account and opens for it', async () => {
    const feed = await feedWithOneLeft();
    await closeWithAccount(feed);
    await fixture.addPostings(feed, [{ id: 'late', postedAt: '2026-03-03T13:00:00Z' }]);
    const late = () => readPostingWithStatus(fixture.pool, { feedId: feed.feedId, transactionId: 'late' });
    expect(await late()).toMatchObject({ deliveryStatus: 'ready' });
    await setFeed(feed, `account_status = 'inactive'`);
    expect(await late()).toMatchObject({ deliveryStatus: 'held', holdReason: 'feed_closed' });
    await setFeed(feed, `account_status = 'active'`);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 1 });
  });
});

describe('the release of a posting', () => {
  it('says what must happen before it is sent', async () => {
    const feed = await feedWithOneLeft();
    await decide(feed, 'hold');
    await setFeed(feed, `account_status = 'inactive', state = 'disconnected'`);
    expect(await decide(feed, 'release')).toMatchObject({
      kind: 'done',
      posting: { deliveryStatus: 'ready' },
      waitsFor: 'account_connected_in_sage',
    });
    await setFeed(feed, `account_status = 'active', state = 'live'`);
    await request(feed, 'pause');
    expect(await decide(feed, 'release')).toMatchObject({ repeated: true, waitsFor: 'feed_resumed' });
    await request(feed, 'resume');
    expect(await decide(feed, 'release')).toMatchObject({ repeated: true, waitsFor: null });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ delivered: 1 });
  });

  it('is refused on a feed that closed with its account and is not active in Sage; discarding is possible', async () => {
    const feed = await feedWithOneLeft();
    await decide(feed, 'hold');
    await closeWithAccount(feed);
    await setFeed(feed, `account_status = 'inactive'`);
    expect(await decide(feed, 'release')).toEqual({ kind: 'feed_closed' });
    expect(await left(feed)).toMatchObject({ deliveryStatus: 'held', holdReason: 'operator' });
    expect(await decide(feed, 'discard')).toMatchObject({ kind: 'done' });
  });

  it('is refused while the connection is being unlinked, one by one and as a list', async () => {
    const feed = await feedWithOneLeft();
    await decide(feed, 'hold');
    await requestUnlink(fixture.pool, feed);
    expect(await decide(feed, 'release')).toEqual({ kind: 'connection_unlinking' });
    const list = { feedId: feed.feedId, action: 'release', transactionIds: ['left'], reason: 'x' } as const;
    expect(await decidePostings(fixture.pool, { ...list, as: 'list' })).toEqual({
      kind: 'connection_unlinking',
    });
    await unlink(feed);
    expect(await decide(feed, 'release')).toEqual({ kind: 'feed_closed' });
  });
});
