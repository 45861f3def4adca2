import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { countByDeliveryStatus } from '../../../src/db/rutter/delivery-status.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

const startDate = '2026-03-01T00:00:00.000Z';
const batchPost = { method: 'POST', path: 'bank_feeds/transactions' };
/** The most POSTs for finding one bad posting among a thousand. */
const extraPostsMax = 20;
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

async function poison(transactionIds: readonly string[], named: boolean): Promise<void> {
  const fault = { kind: 'poison', transaction_ids: transactionIds, named, match: batchPost };
  await fixture.control('POST', '/faults', fault);
}

async function exceptionsOf(feed: DeliveryFeed): Promise<Record<string, string>> {
  const { rows } = await fixture.pool.query<{ transaction_id: string; exception: string }>(
    `SELECT transaction_id, exception FROM ledger WHERE feed_id = $1 AND exception IS NOT NULL ORDER BY 1`,
    [feed.feedId],
  );
  return Object.fromEntries(rows.map((row) => [row.transaction_id, row.exception]));
}

async function timelineOf(feed: DeliveryFeed, kind: string): Promise<unknown[]> {
  const { rows } = await fixture.pool.query<{ detail: unknown }>(
    `SELECT detail FROM timeline WHERE feed_id = $1 AND kind = $2 ORDER BY entry_id`,
    [feed.feedId, kind],
  );
  return rows.map((row) => row.detail);
}

async function resume(feed: DeliveryFeed): Promise<void> {
  await fixture.pool.query(`UPDATE feeds SET reason = NULL WHERE feed_id = $1`, [feed.feedId]);
}

const idOf = (number: number): string => `tx-${String(number).padStart(6, '0')}`;
const idsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => idOf(index + 1));

describe('one bad posting among a thousand', () => {
  const positions = [1, 2, 500, 501, 999, 1_000];
  const cases = positions.flatMap((position) => [true, false].map((named) => ({ position, named })));
  it.each(cases)(
    'at position $position, named $named, is quarantined alone with few POSTs, and the rest is delivered in order',
    async ({ position, named }) => {
      const feed = await fixture.makeFeed({ startDate });
      await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 1_300 }));
      await poison([idOf(position)], named);
      const posts = await fixture.posts();

      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', reason: null });

      expect((await fixture.posts()) - posts).toBeLessThanOrEqual(2 + extraPostsMax);
      expect(await exceptionsOf(feed)).toEqual({ [idOf(position)]: 'quarantined' });
      expect(await fixture.bookedIds(feed)).toEqual(idsOf(1_300).filter((id) => id !== idOf(position)));
      const detail = { transaction_id: idOf(position), code: 'PLATFORM_BAD_REQUEST' };
      expect(await timelineOf(feed, 'posting_quarantined')).toEqual([detail]);
      expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({
        delivered: 1_299,
        quarantined: 1,
        ready: 0,
      });
    },
  );

  it('takes three more POSTs when the refusal names one in the middle', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 1_000 }));
    await poison([idOf(600)], true);
    const posts = await fixture.posts();
    await fixture.deliveryRun(feed);
    expect((await fixture.posts()) - posts).toBe(4);
  });

  it('is stored with the provider message and its refused batch of one', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 3 }));
    await poison([idOf(2)], true);
    await fixture.deliveryRun(feed);
    const { rows } = await fixture.pool.query(
      `SELECT l.detail, b.state, b.size, a.http_status, a.error_code
         FROM ledger l JOIN batches b USING (batch_id) JOIN attempts a USING (batch_id)
        WHERE l.feed_id = $1 AND l.exception = 'quarantined'`,
      [feed.feedId],
    );
    const detail = `450 PLATFORM_BAD_REQUEST transaction ${idOf(2)} is not valid`;
    expect(rows).toEqual([
      { detail, state: 'refused', size: 1, http_status: 450, error_code: 'PLATFORM_BAD_REQUEST' },
    ]);
  });
});

describe('bad postings', () => {
  it('next to each other, apart and at a batch boundary are quarantined, and no others', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const bad = [1, 2, 700, 1_000, 1_001, 1_500].map(idOf);
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 1_500 }));
    await poison(bad, false);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up' });
    expect(Object.keys(await exceptionsOf(feed))).toEqual(bad);
    expect(await fixture.bookedIds(feed)).toEqual(idsOf(1_500).filter((id) => !bad.includes(id)));
  });

  it('that are alone from the start are quarantined at once', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 1 }));
    await poison([idOf(1)], true);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up' });
    expect(await exceptionsOf(feed)).toEqual({ [idOf(1)]: 'quarantined' });
  });

  it('are found although the refusal names another posting, which is delivered', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 64 }));
    await poison([idOf(40)], true);
    const wrong = { kind: 'rewrite_body', find: idOf(40), replace: idOf(63), match: batchPost, times: 0 };
    await fixture.control('POST', '/faults', wrong);
    const posts = await fixture.posts();
    await fixture.deliveryRun(feed);
    expect(await exceptionsOf(feed)).toEqual({ [idOf(40)]: 'quarantined' });
    expect(await fixture.bookedIds(feed)).toEqual(idsOf(64).filter((id) => id !== idOf(40)));
    expect((await fixture.posts()) - posts).toBeLessThanOrEqual(1 + extraPostsMax);
  });

  it('are still found when later and earlier postings arrive during the search', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: '2026-03-05T00:00:00Z', count: 200 }));
    await poison([idOf(150)], false);
    // Three POSTs, then the worker crashes: the bisection plan is stored, and the postings arrive meanwhile.
    const reset = { kind: 'reset_before_effect', match: { ...batchPost, nth: 4 }, times: 1 };
    await fixture.control('POST', '/faults', reset);
    await fixture.deliveryRun(feed).catch(() => undefined);
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 30, prefix: 'late' }));
    await fixture.addPostings(feed, postingsFrom({ from: '2026-03-20T00:00:00Z', count: 30, prefix: 'new' }));
    for (let tries = 0; tries < 5; tries += 1) {
      const result = await fixture.deliveryRun(feed).catch(() => undefined);
      if (result?.outcome === 'caught_up') break;
    }
    expect(await exceptionsOf(feed)).toEqual({ [idOf(150)]: 'quarantined' });
    expect(await fixture.book(feed)).toHaveLength(259);
  });
});

describe('clusters of bad postings', () => {
  const clusters: [string, number, number[]][] = [
    ['three neighbors', 50, [10, 11, 12]],
    ['three at the end', 50, [48, 49, 50]],
    ['all but the last', 20, [...Array(19).keys()].map((index) => index + 1)],
    ['every second', 20, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]],
  ];
  it.each(clusters.flatMap((cluster) => [true, false].map((named) => [...cluster, named] as const)))(
    '(%s of %d: %j, named %s) are quarantined alone, and all others arrive in order',
    async (_name, count, bad, named) => {
      const feed = await fixture.makeFeed({ startDate });
      await fixture.addPostings(feed, postingsFrom({ from: startDate, count }));
      await poison(bad.map(idOf), named);
      const posts = await fixture.posts();
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', reason: null });
      const good = idsOf(count).filter((id) => !bad.map(idOf).includes(id));
      expect(await fixture.bookedIds(feed)).toEqual(good);
      expect(await exceptionsOf(feed)).toEqual(
        Object.fromEntries(bad.map((number) => [idOf(number), 'quarantined'])),
      );
      expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({
        delivered: good.length,
        quarantined: bad.length,
        ready: 0,
        batched: 0,
      });
      const announced = await timelineOf(feed, 'posting_quarantined');
      expect(announced).toHaveLength(bad.length);
      expect(await timelineOf(feed, 'feed_blocked')).toEqual([]);
      expect((await fixture.posts()) - posts).toBeLessThanOrEqual(2 * count);
    },
  );

  it('at the head of a batch let one posting overtake, and those it overtook are marked late', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 50 }));
    const bad = [1, 2, 3, 4, 5].map(idOf);
    await poison(bad, false);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', reason: null });
    expect(Object.keys(await exceptionsOf(feed))).toEqual(bad);
    const booked = await fixture.bookedIds(feed);
    const [overtook = ''] = booked;
    expect([...booked].sort()).toEqual(idsOf(50).filter((id) => !bad.includes(id)));
    expect(booked.slice(1)).toEqual([...booked.slice(1)].sort());
    const { rows } = await fixture.pool.query<{ id: string }>(
      `SELECT transaction_id AS id FROM ledger WHERE feed_id = $1 AND late AND exception IS NULL ORDER BY 1`,
      [feed.feedId],
    );
    expect(rows.map((row) => row.id)).toEqual(booked.filter((id) => id < overtook));
    expect(rows.length).toBeGreaterThan(0);
  });

  it('of more than 50 block the feed: 50 stay quarantined, nothing is lost, and resume goes on with a new budget', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 120 }));
    const bad = idsOf(120).slice(20, 80);
    await poison(bad, true);
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'waiting',
      reason: 'rejected_by_provider',
    });
    expect((await fixture.posts()) - posts).toBeLessThanOrEqual(100);
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({
      delivered: 20,
      quarantined: 50,
      ready: 50,
      batched: 0,
    });
    const { rows } = await fixture.pool.query<{ detail: string }>(
      `SELECT reason_detail AS detail FROM feeds WHERE feed_id = $1`,
      [feed.feedId],
    );
    expect(rows[0]?.detail).toMatch(
      /^more than 50 postings of the batch were refused; the last refusal: 450 /,
    );
    await resume(feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', reason: null });
    expect(Object.keys(await exceptionsOf(feed))).toEqual(bad);
    expect([...(await fixture.bookedIds(feed))].sort()).toEqual(idsOf(120).filter((id) => !bad.includes(id)));
    const announced = await timelineOf(feed, 'posting_quarantined');
    expect(announced).toHaveLength(60);
  });

  it('that need more than 100 requests block the feed, and nothing is lost', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 1_000 }));
    const bad = idsOf(1_000).filter((_, index) => index % 21 === 20);
    await poison(bad, false);
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'waiting',
      reason: 'rejected_by_provider',
    });
    expect((await fixture.posts()) - posts).toBe(100);
    const exceptions = await exceptionsOf(feed);
    expect(new Set(Object.values(exceptions))).toEqual(new Set(['quarantined']));
    const counts = await countByDeliveryStatus(fixture.pool, feed);
    expect(counts.delivered + counts.quarantined + counts.ready).toBe(1_000);
    expect(counts.batched).toBe(0);
    const announced = await timelineOf(feed, 'posting_quarantined');
    expect(announced).toHaveLength(counts.quarantined);
    await fixture.control('DELETE', '/faults');
    await resume(feed);
    await fixture.deliveryRun(feed);
    const quarantined = Object.keys(exceptions);
    expect(await fixture.bookedIds(feed)).toEqual(idsOf(1_000).filter((id) => !quarantined.includes(id)));
  });

  it('that need more than 100 requests block the feed also when the last request was accepted', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 10 }));
    await poison([idOf(10)], false);
    const used = { size: 10, requests: 98, refusedAlone: 0, refusedRun: 0, acceptedPart: 0 };
    const progress = { ...used, misleadingHints: 0, hintsHold: false, sequenceMax: null };
    await fixture.pool.query(
      `UPDATE feeds SET bisection_left = 10, bisection_bad = 10, bisection_progress = $2 WHERE feed_id = $1`,
      [feed.feedId, progress],
    );
    const blocked = { outcome: 'waiting', reason: 'rejected_by_provider' };
    expect(await fixture.deliveryRun(feed)).toMatchObject({ ...blocked, delivered: 8 });
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ delivered: 8, ready: 2 });
    await resume(feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', reason: null });
    expect(await exceptionsOf(feed)).toEqual({ [idOf(10)]: 'quarantined' });
  });

  it('are not the cause when a request is too large: smaller parts are sent, and nothing is quarantined', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 10 }));
    const tooLarge = { kind: 'status', http_status: 413, body: {}, match: batchPost, times: 1 };
    await fixture.control('POST', '/faults', tooLarge);
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 10 });
    expect((await fixture.posts()) - posts).toBe(3);
    expect(await exceptionsOf(feed)).toEqual({});
    expect(await fixture.bookedIds(feed)).toEqual(idsOf(10));
  });

  it('are found by a plan that version 0.2.0 has begun', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 40 }));
    await poison([idOf(29), idOf(30)], false);
    await fixture.pool.query(
      `UPDATE feeds SET bisection_left = 40, bisection_bad = 20, bisection_hint = 'tx-000003' WHERE feed_id = $1`,
      [feed.feedId],
    );
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', reason: null });
    expect(Object.keys(await exceptionsOf(feed))).toEqual([idOf(29), idOf(30)]);
    expect(await fixture.bookedIds(feed)).toHaveLength(38);
  });

  it('let what arrives during the search wait for its end, so that it takes no longer', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: '2026-03-05T00:00:00Z', count: 100 }));
    await poison([idOf(60)], false);
    const reset = { kind: 'reset_before_effect', match: { ...batchPost, nth: 3 }, times: 1 };
    await fixture.control('POST', '/faults', reset);
    await fixture.deliveryRun(feed).catch(() => undefined);
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 20, prefix: 'early' }));
    await fixture.addPostings(
      feed,
      postingsFrom({ from: '2026-03-20T00:00:00Z', count: 20, prefix: 'later' }),
    );
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', reason: null });
    expect(Object.keys(await exceptionsOf(feed))).toEqual([idOf(60)]);
    const booked = await fixture.bookedIds(feed);
    const searched = idsOf(100).filter((id) => id !== idOf(60));
    expect(booked.slice(0, 99)).toEqual(searched);
    expect(booked.slice(99).map((id) => id.slice(0, 5))).toEqual([
      ...Array.from({ length: 20 }, () => 'early'),
      ...Array.from({ length: 20 }, () => 'later'),
    ]);
  });

  it('do not count toward the three batches of one that block a feed', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 5 }));
    await poison([3, 4, 5, 6].map(idOf), true);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up' });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 6 }).slice(5));
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', reason: null });
    expect(Object.keys(await exceptionsOf(feed))).toEqual([3, 4, 5, 6].map(idOf));
  });
});

describe('a refusal that is not caused by single postings', () => {
  it('quarantines nothing when nothing of the batch is accepted: the feed is blocked once', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 2 }));
    await poison(idsOf(2), false);
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'waiting',
      reason: 'rejected_by_provider',
    });
    expect(await exceptionsOf(feed)).toEqual({});
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({
      ready: 2,
      batched: 0,
      quarantined: 0,
    });
    expect(await timelineOf(feed, 'posting_quarantined')).toEqual([]);
    const blocked = { reason: 'rejected_by_provider', transaction_ids: idsOf(2) };
    expect(await timelineOf(feed, 'feed_blocked')).toEqual([blocked]);
    await fixture.control('DELETE', '/faults');
    await resume(feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 2 });
    expect(await fixture.bookedIds(feed)).toEqual(idsOf(2));
  });

  it('tries single postings from 8 places when all of a thousand are refused, undoes the batch and blocks the feed', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 1_000 }));
    await poison(idsOf(1_000), false);
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'waiting',
      reason: 'rejected_by_provider',
    });
    expect(await exceptionsOf(feed)).toEqual({});
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({
      ready: 1_000,
      batched: 0,
      quarantined: 0,
    });
    expect(await timelineOf(feed, 'posting_quarantined')).toEqual([]);
    const tried = [1, 2, 3, 203, 403, 602, 801, 1_000].map(idOf);
    const blocked = { reason: 'rejected_by_provider', transaction_ids: tried };
    expect(await timelineOf(feed, 'feed_blocked')).toEqual([blocked]);
    const posts = await fixture.posts();
    await fixture.deliveryRun(feed);
    expect(await fixture.posts()).toBe(posts);
    await fixture.control('DELETE', '/faults');
    await resume(feed);
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual(idsOf(1_000));
  });

  it('stops after three batches of one posting refused with the same code', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await poison(idsOf(3), true);
    const [first, second, third] = postingsFrom({ from: startDate, count: 3 });
    for (const posting of [first, second]) {
      await fixture.addPostings(feed, posting === undefined ? [] : [posting]);
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up' });
    }
    expect(await exceptionsOf(feed)).toEqual({ [idOf(1)]: 'quarantined', [idOf(2)]: 'quarantined' });
    await fixture.addPostings(feed, third === undefined ? [] : [third]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'waiting',
      reason: 'rejected_by_provider',
    });
    expect(await exceptionsOf(feed)).toEqual({});
    await fixture.control('DELETE', '/faults');
    await resume(feed);
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual(idsOf(3));
  });

  it('counts from the last refusal with another code', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const postings = postingsFrom({ from: startDate, count: 4 });
    for (const [index, posting] of postings.entries()) {
      const code = index === 1 ? 'SOMETHING_NEW' : 'PLATFORM_BAD_REQUEST';
      const body = { error_type: 'PLATFORM_ERROR', error_code: code, error_message: 'refused' };
      await fixture.control('POST', '/faults', {
        kind: 'status',
        http_status: 450,
        body,
        match: batchPost,
        times: 1,
      });
      await fixture.addPostings(feed, [posting]);
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', reason: null });
    }
    expect(Object.keys(await exceptionsOf(feed))).toEqual(idsOf(4));
  });

  it('counts from the last accepted batch: a delivery between single refusals keeps them quarantined', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await poison([idOf(1), idOf(2), idOf(4)], true);
    for (const posting of postingsFrom({ from: startDate, count: 4 })) {
      await fixture.addPostings(feed, [posting]);
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up' });
    }
    expect(Object.keys(await exceptionsOf(feed))).toEqual([idOf(1), idOf(2), idOf(4)]);
    expect(await fixture.bookedIds(feed)).toEqual([idOf(3)]);
  });
});
