import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { countByDeliveryStatus, readPostingWithStatus } from '../../../src/db/rutter/delivery-status.js';
import { listPostingsOfCode } from '../../../src/db/rutter/postings-of-code.js';
import { decidePosting, decidePostings } from '../../../src/db/rutter/posting-decisions.js';
import type { PostingAction } from '../../../src/domain/rutter/posting-decisions.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

let fixture: DeliveryFixture;
const start = '2026-03-01T00:00:00.000Z';

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
});

const decide = (feed: DeliveryFeed, action: PostingAction, ...transactionIds: string[]) =>
  decidePostings(fixture.pool, {
    feedId: feed.feedId,
    action,
    transactionIds,
    reason: 'checked',
    as: 'list',
  });
const bookedIds = async (feed: DeliveryFeed) =>
  (await fixture.book(feed)).map((booked) => booked.transaction_id);
const counts = (feed: DeliveryFeed) => countByDeliveryStatus(fixture.pool, feed);
const statusOf = (feed: DeliveryFeed, transactionId: string) =>
  readPostingWithStatus(fixture.pool, { feedId: feed.feedId, transactionId });

async function feedWith(count: number): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ startDate: start });
  await fixture.addPostings(feed, postingsFrom({ from: start, count }));
  return feed;
}

describe('a held posting', () => {
  it.each([
    ['before the others', 'tx-000001', ['tx-000002', 'tx-000003', 'tx-000001']],
    ['between the others', 'tx-000002', ['tx-000001', 'tx-000003', 'tx-000002']],
    ['behind the others', 'tx-000003', ['tx-000001', 'tx-000002', 'tx-000003']],
  ])('%s is left out, the rest is delivered, and it goes out once it is released', async (_, id, order) => {
    const feed = await feedWith(3);
    expect(await decide(feed, 'hold', id)).toMatchObject({ decided: [{ outcome: 'changed' }] });
    expect(await statusOf(feed, id)).toMatchObject({ deliveryStatus: 'held', holdReason: 'operator' });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 2 });
    expect(await counts(feed)).toMatchObject({ held: 1, delivered: 2, ready: 0 });
    await decide(feed, 'release', id);
    expect(await statusOf(feed, id)).toMatchObject({ deliveryStatus: 'ready', holdReason: null });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
    expect(await bookedIds(feed)).toEqual(order);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 0 });
  });

  it('that is discarded is never sent, also not when everything is examined again', async () => {
    const feed = await feedWith(3);
    await decide(feed, 'hold', 'tx-000002');
    await decide(feed, 'discard', 'tx-000002');
    await fixture.deliveryRun(feed);
    await fixture.pool.query(`UPDATE feeds SET examined_sequence = 0 WHERE feed_id = $1`, [feed.feedId]);
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual(['tx-000001', 'tx-000003']);
    expect(await counts(feed)).toMatchObject({ discarded: 1, delivered: 2, held: 0 });
    expect(await decide(feed, 'discard', 'tx-000002')).toMatchObject({ decided: [{ outcome: 'repeated' }] });
    expect(await decide(feed, 'release', 'tx-000002')).toMatchObject({
      decided: [{ outcome: 'wrong_delivery_status' }],
    });
  });

  it('stays held when a batch behind it is undone', async () => {
    const feed = await feedWith(3);
    await decide(feed, 'hold', 'tx-000001');
    const refused = { kind: 'status', http_status: 404, body: {}, times: 1 };
    await fixture.control('POST', '/faults', {
      ...refused,
      match: { method: 'POST', path: 'bank_feeds/transactions' },
    });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting' });
    expect(await counts(feed)).toMatchObject({ held: 1, ready: 2 });
    await fixture.pool.query(`UPDATE feeds SET reason = NULL WHERE feed_id = $1`, [feed.feedId]);
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual(['tx-000002', 'tx-000003']);
  });

  it('is held in its feed alone: another feed of the account sends it', async () => {
    const feed = await feedWith(2);
    const other = await fixture.makeFeed({ startDate: start });
    await fixture.pool.query(`UPDATE feeds SET account_id = $2 WHERE feed_id = $1`, [
      other.feedId,
      feed.accountId,
    ]);
    await decide(feed, 'hold', 'tx-000001');
    await fixture.deliveryRun(feed);
    await fixture.deliveryRun(other);
    expect(await bookedIds(feed)).toEqual(['tx-000002']);
    expect(await bookedIds(other)).toEqual(['tx-000001', 'tx-000002']);
  });

  it('that was held while pending stays held when core banking posts it', async () => {
    const feed = await fixture.makeFeed({ startDate: start });
    await fixture.addPostings(feed, [{ id: 'p', postedAt: start, status: 'pending' }]);
    expect(await statusOf(feed, 'p')).toMatchObject({ deliveryStatus: 'held', holdReason: 'pending' });
    expect(await decide(feed, 'release', 'p')).toMatchObject({
      decided: [{ outcome: 'wrong_delivery_status' }],
    });
    await decide(feed, 'hold', 'p');
    await fixture.pool.query(`UPDATE postings SET status = 'posted' WHERE account_id = $1`, [feed.accountId]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 0 });
    expect(await statusOf(feed, 'p')).toMatchObject({ deliveryStatus: 'held', holdReason: 'operator' });
    await decide(feed, 'release', 'p');
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
  });

  it('that is released with corrected fields is sent with them', async () => {
    const feed = await feedWith(1);
    await decide(feed, 'hold', 'tx-000001');
    const correction = { amount: '-99.00', description: null, payee: null, transactionType: null };
    await decidePosting(fixture.pool, {
      feedId: feed.feedId,
      action: 'release',
      transactionId: 'tx-000001',
      correction,
      reason: 'mistyped',
    });
    await fixture.deliveryRun(feed);
    expect(await fixture.book(feed)).toMatchObject([{ amount: -99 }]);
  });
});

describe('a hold', () => {
  it('is refused for what is in a batch, delivered, quarantined or withdrawn, and changes nothing of it', async () => {
    const feed = await feedWith(2);
    await fixture.control('POST', '/faults', {
      kind: 'poison',
      transaction_ids: ['tx-000002'],
      match: { method: 'POST', path: 'bank_feeds/transactions' },
    });
    await fixture.deliveryRun(feed);
    await fixture.addPostings(feed, [
      { id: 'void', postedAt: start, status: 'void' },
      { id: 'open', postedAt: '2026-03-09T00:00:00Z' },
    ]);
    const lost = { kind: 'reset_before_effect', match: { method: 'POST', path: 'transactions' }, times: 1 };
    await fixture.control('POST', '/faults', lost);
    await fixture.deliveryRun(feed).catch(() => undefined);
    const ids = ['tx-000001', 'tx-000002', 'void', 'open'];
    const before = await counts(feed);
    expect(before).toMatchObject({ delivered: 1, quarantined: 1, withdrawn: 1, batched: 1 });
    const result = await decide(feed, 'hold', ...ids);
    expect(result.kind === 'decided' && result.decided.map(({ outcome }) => outcome)).toEqual(
      ids.map(() => 'wrong_delivery_status'),
    );
    expect(await counts(feed)).toEqual(before);
  });

  it('and a build of a batch wait for each other: every posting is either held or delivered', async () => {
    const feed = await feedWith(40);
    const ids = postingsFrom({ from: start, count: 40 }).map(({ id }) => id);
    const [, ...results] = await Promise.all([
      fixture.deliveryRun(feed),
      ...ids.slice(0, 8).map((id) => decide(feed, 'hold', id)),
    ]);
    const held = results.flatMap((result) =>
      result.kind === 'decided' && result.decided[0]?.outcome === 'changed'
        ? [result.decided[0].posting.transactionId]
        : [],
    );
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual(ids.filter((id) => !held.includes(id)));
    expect(await counts(feed)).toMatchObject({ held: held.length, delivered: 40 - held.length });
  });
});

describe('decisions on many postings', () => {
  it('do what is possible, name the rest, and a repeat changes nothing', async () => {
    const feed = await feedWith(5);
    const result = await decide(feed, 'hold', 'tx-000001', 'tx-000002', 'unknown', '.');
    expect(result).toMatchObject({ kind: 'decided', unknown: ['unknown', '.'] });
    const again = await decide(feed, 'hold', 'tx-000001', 'tx-000003');
    expect(again.kind === 'decided' && again.decided.map(({ outcome }) => outcome)).toEqual([
      'repeated',
      'changed',
    ]);
    const { rows } = await fixture.pool.query(
      `SELECT kind, detail FROM timeline WHERE feed_id = $1 ORDER BY entry_id`,
      [feed.feedId],
    );
    expect(rows).toEqual([
      {
        kind: 'postings_held',
        detail: { count: 2, transaction_ids: ['tx-000001', 'tx-000002'], reason: 'checked' },
      },
      { kind: 'postings_held', detail: { count: 1, transaction_ids: ['tx-000003'], reason: 'checked' } },
    ]);
  });

  it('of one cause are found by the code of the refusal and by the hold reason, page by page', async () => {
    const feed = await feedWith(30);
    const bad = ['tx-000003', 'tx-000011', 'tx-000020'];
    await fixture.control('POST', '/faults', {
      kind: 'poison',
      transaction_ids: bad,
      match: { method: 'POST', path: 'bank_feeds/transactions' },
    });
    await decide(feed, 'hold', 'tx-000030');
    await fixture.deliveryRun(feed);
    const find = (code: string, afterId: string | null = null, limit = 100) =>
      listPostingsOfCode(fixture.pool, { feedId: feed.feedId, code, afterId, limit });
    expect(await find('PLATFORM_BAD_REQUEST')).toEqual(bad);
    expect(await find('PLATFORM_BAD_REQUEST', 'tx-000003', 1)).toEqual(['tx-000011']);
    expect(await find('operator')).toEqual(['tx-000030']);
    expect(await find('possible_duplicate')).toEqual([]);
    expect(await find('conflict')).toEqual([]);
    expect(await find('OTHER')).toEqual([]);
    await fixture.control('DELETE', '/faults');
    await decide(feed, 'release', ...bad, 'tx-000030');
    await fixture.deliveryRun(feed);
    expect(await counts(feed)).toMatchObject({ delivered: 30, quarantined: 0, held: 0 });
  });
});
