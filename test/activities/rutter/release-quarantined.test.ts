import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { applyFeedRequest } from '../../../src/db/rutter/feed-facts.js';
import { countByDeliveryStatus } from '../../../src/db/rutter/delivery-status.js';
import { decidePosting } from '../../../src/db/rutter/posting-decisions.js';
import { noCorrection } from '../../../src/domain/rutter/posting-correction.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

let fixture: DeliveryFixture;

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  const { violations } = await fixture.violations();
  await fixture.control('DELETE', '/violations');
  expect(violations).toEqual([]);
});

const start = '2026-03-01T00:00:00.000Z';

/** Three delivered postings, of which the second is quarantined as if Sage had refused it; it is not booked. */
async function feedWithQuarantined(): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ startDate: start });
  await fixture.addPostings(feed, postingsFrom({ from: start, count: 3 }));
  await fixture.deliveryRun(feed);
  await fixture.control('POST', '/book/forget', {
    account_id: feed.rutterAccountId,
    transaction_ids: ['tx-000002'],
  });
  const batchId = randomUUID();
  await fixture.pool.query(
    `INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash, first_posted_at,
                          last_posted_at, state, completed_at)
     SELECT $1, feed_id, connection_id, connection_id::text, 2, 1, 'hash', $3, $3, 'refused', now()
       FROM feeds WHERE feed_id = $2`,
    [batchId, feed.feedId, start],
  );
  await fixture.pool.query(
    `UPDATE ledger SET batch_id = $2, position = 0, exception = 'quarantined'
      WHERE feed_id = $1 AND transaction_id = 'tx-000002'`,
    [feed.feedId, batchId],
  );
  return feed;
}

const release = (feed: DeliveryFeed, correction = {}) =>
  decidePosting(fixture.pool, {
    action: 'release',
    feedId: feed.feedId,
    transactionId: 'tx-000002',
    correction: { ...noCorrection, ...correction },
    reason: 'checked',
  });

interface Booked {
  transaction_id: string;
  amount: number;
  description: string;
  payee: string | null;
  transaction_type: string;
}

async function booked(feed: DeliveryFeed): Promise<Booked[]> {
  return (await fixture.book(feed)) as unknown as Booked[];
}

describe('a posting released from quarantine', () => {
  it('is sent once, marked late, with exactly the corrected content', async () => {
    const feed = await feedWithQuarantined();
    const correction = {
      amount: '99.95',
      description: 'Übertrag "1"',
      payee: 'Söhne 🙂',
      transactionType: 'credit',
    };
    expect(await release(feed, correction)).toMatchObject({
      kind: 'done',
      posting: { deliveryStatus: 'ready' },
    });
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 0 });
    expect(await fixture.posts()).toBe(posts + 1);
    const book = await booked(feed);
    expect(book).toHaveLength(3);
    expect(book[2]).toMatchObject({
      transaction_id: 'tx-000002',
      amount: 99.95,
      description: 'Übertrag "1"',
      payee: 'Söhne 🙂',
      transaction_type: 'credit',
    });
    const { rows } = await fixture.pool.query(
      `SELECT l.late, p.amount FROM ledger l JOIN postings p USING (transaction_id)
        WHERE l.feed_id = $1 AND p.account_id = $2 AND transaction_id = 'tx-000002'`,
      [feed.feedId, feed.accountId],
    );
    expect(rows).toEqual([{ late: true, amount: '-12.50' }]);
  });

  it('is completed by read-back with the corrected content when the answer is lost', async () => {
    const feed = await feedWithQuarantined();
    await release(feed, { description: 'Corrected' });
    await fixture.control('POST', '/faults', {
      kind: 'server_error_after_effect',
      match: { method: 'POST', path: '/transactions' },
      recorded: true,
    });
    for (let tries = 0; tries < 5; tries += 1) {
      const result = await fixture.deliveryRun(feed).catch(() => null);
      if (result?.outcome === 'caught_up') break;
    }
    const book = await booked(feed);
    expect(book.map(({ transaction_id, description }) => [transaction_id, description])[2]).toEqual([
      'tx-000002',
      'Corrected',
    ]);
    const { rows } = await fixture.pool.query(
      `SELECT l.exception, b.state FROM ledger l JOIN batches b USING (batch_id)
        WHERE l.feed_id = $1 AND l.transaction_id = 'tx-000002'`,
      [feed.feedId],
    );
    expect(rows).toEqual([{ exception: null, state: 'delivered' }]);
  });

  it('keeps its original content for another feed of the account', async () => {
    const feed = await feedWithQuarantined();
    await release(feed, { description: 'Corrected' });
    const other = await fixture.makeFeed({ startDate: start });
    await fixture.addPostings(other, [{ id: 'tx-000002', postedAt: start }]);
    await fixture.deliveryRun(other);
    expect(await booked(other)).toMatchObject([{ description: 'Posting tx-000002' }]);
  });

  it('is never sent when it was discarded instead', async () => {
    const feed = await feedWithQuarantined();
    const ids = { feedId: feed.feedId, transactionId: 'tx-000002', reason: 'a test' };
    expect(await decidePosting(fixture.pool, { ...ids, action: 'discard' })).toMatchObject({
      kind: 'done',
      posting: { deliveryStatus: 'discarded' },
    });
    expect(await release(feed)).toMatchObject({ kind: 'wrong_delivery_status' });
    await fixture.deliveryRun(feed);
    expect(await booked(feed)).toHaveLength(2);
  });
});

describe('postings that were tried alone and are ready again in a blocked feed', () => {
  it('can each be discarded or corrected, and then the rest is sent: the feed is not stuck', async () => {
    const feed = await fixture.makeFeed({ startDate: start });
    const all = postingsFrom({ from: start, count: 10 });
    await fixture.addPostings(feed, all);
    const bad = all.map((posting) => posting.id);
    await fixture.control('POST', '/faults', { kind: 'poison', transaction_ids: bad, named: false });
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'waiting',
      reason: 'rejected_by_provider',
    });
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ ready: 10 });
    const decide = { feedId: feed.feedId, reason: 'really bad' };
    for (const transactionId of ['tx-000001', 'tx-000010']) {
      const result = await decidePosting(fixture.pool, { ...decide, action: 'discard', transactionId });
      expect(result).toMatchObject({ kind: 'done', posting: { deliveryStatus: 'discarded' } });
    }
    // This posting cannot be discarded: of the eight places that were tried it is none.
    const neverRefused = await decidePosting(fixture.pool, {
      ...decide,
      action: 'discard',
      transactionId: 'tx-000004',
    });
    expect(neverRefused.kind).toBe('wrong_delivery_status');
    const correction = { ...noCorrection, description: 'Corrected text' };
    const released = await decidePosting(fixture.pool, {
      ...decide,
      action: 'release',
      transactionId: 'tx-000003',
      correction,
    });
    expect(released).toMatchObject({ kind: 'done', posting: { deliveryStatus: 'ready' }, repeated: false });
    await fixture.control('DELETE', '/faults');
    await applyFeedRequest(fixture.pool, { feedId: feed.feedId, action: 'resume' });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 8 });
    const book = await booked(feed);
    expect(book.map((posting) => posting.transaction_id)).toEqual(bad.slice(1, 9));
    expect(book[1]?.description).toBe('Corrected text');
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({
      discarded: 2,
      delivered: 8,
      ready: 0,
    });
  });
});
