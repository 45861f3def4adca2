import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CredentialsRejected } from '../../../src/activities/failures.js';
import {
  rutterReadConnection,
  type ReadConnectionInput,
  type ReadConnectionResult,
} from '../../../src/activities/rutter/connection/read-connection.js';
import { closeAccount } from '../../../src/db/account-life.js';
import { readConnection } from '../../../src/db/connections.js';
import { listUsableConnections, readListedConnection } from '../../../src/db/listed-connections.js';
import { transaction } from '../../../src/db/pool.js';
import { countByDeliveryStatus } from '../../../src/db/rutter/delivery-status.js';
import { applyFeedRequest, recordConnectionRefused } from '../../../src/db/rutter/feed-facts.js';
import { listFeedsClosedWithAccount, lockFeed, readFeed } from '../../../src/db/rutter/feeds.js';
import { createFeed } from '../../../src/db/rutter/publications.js';
import { endOutage, recordCredentialsRejected } from '../../../src/db/rutter/rejected-credentials.js';
import { listConnectionsToCheck } from '../../../src/db/rutter/repair-views.js';
import { listUnpublishedAccounts } from '../../../src/db/rutter/sharing-progress.js';
import { resolveBatch } from '../../../src/db/rutter/resolve-batch.js';
import { requestUnlink } from '../../../src/db/rutter/unlink-connection.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

const start = '2026-03-01T00:00:00.000Z';
const batchPost = { method: 'POST', path: 'bank_feeds/transactions' };
const deletion = { method: 'DELETE', path: 'connections/' };
let fixture: DeliveryFixture;

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
beforeEach(() => {
  fixture.woken.length = 0;
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  expect((await fixture.violations()).violations).toEqual([]);
});

/** One check of the connection's workflow. */
function check(feed: DeliveryFeed): Promise<ReadConnectionResult> {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => undefined) }).run<
    [ReadConnectionInput],
    ReadConnectionResult,
    (input: ReadConnectionInput) => Promise<ReadConnectionResult>
  >(rutterReadConnection(fixture.deps), { connectionId: feed.connectionId, awaitedForMs: 0 });
}

const connectionOf = async (feed: DeliveryFeed) => await readConnection(fixture.pool, feed);
const stateOf = async (feed: DeliveryFeed) => (await readFeed(fixture.pool, feed))?.state;

/** Whether Rutter still has the connection. */
async function isAtRutter(feed: DeliveryFeed): Promise<boolean> {
  const { connections } = await fixture.control('GET', '/connections');
  const id = (await connectionOf(feed))?.rutterConnectionId;
  return (connections as { id: string }[]).some((connection) => connection.id === id);
}

async function timelineOf(feed: DeliveryFeed): Promise<{ kind: string; detail: unknown }[]> {
  const { rows } = await fixture.pool.query<{ kind: string; detail: unknown }>(
    `SELECT kind, detail FROM timeline WHERE connection_id = $1 ORDER BY entry_id`,
    [feed.connectionId],
  );
  return rows;
}

/** Until another database connection waits for a lock. */
async function untilWaiting(): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await fixture.pool.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    expect(rows).toHaveLength(1);
  });
}

/** A live feed with postings; its connection is to be unlinked. */
async function feedToUnlink(count: number): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ startDate: start });
  await fixture.addPostings(feed, postingsFrom({ from: start, count }));
  return feed;
}

describe('a connection that is to be unlinked', () => {
  it('is deleted at Rutter, and all its feeds are closed, with the timeline', async () => {
    const feed = await feedToUnlink(2);
    const other = await fixture.makeFeed({ connectionId: feed.connectionId });
    await fixture.deliveryRun(feed);
    expect(await requestUnlink(fixture.pool, feed)).toEqual([feed.feedId, other.feedId].sort());
    expect(await check(feed)).toEqual({ refused: false, awaitedCount: 0, nextPollMs: null });
    expect(await isAtRutter(feed)).toBe(false);
    expect([await stateOf(feed), await stateOf(other)]).toEqual(['closed', 'closed']);
    expect((await connectionOf(feed))?.unlinkedAt).not.toBeNull();
    expect((await timelineOf(feed)).slice(-4)).toEqual([
      { kind: 'connection_unlink_requested', detail: {} },
      { kind: 'feed_closed', detail: { by: 'connection' } },
      { kind: 'feed_closed', detail: { by: 'connection' } },
      {
        kind: 'connection_unlinked',
        detail: { was_gone: false, feeds_closed: 2, feed_in_flight: null },
      },
    ]);
    expect(fixture.woken.sort()).toEqual([`facts ${feed.feedId}`, `facts ${other.feedId}`].sort());
  });

  it('keeps the feeds closed that closed with their accounts, whatever becomes of those', async () => {
    const feed = await feedToUnlink(2);
    const closing = { accountId: feed.accountId, todayIn: () => start.slice(0, 10) };
    await closeAccount(fixture.pool, closing);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 2 });
    const late = () => fixture.addPostings(feed, [{ id: 'late', postedAt: start }]);
    await requestUnlink(fixture.pool, feed);
    await late();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 0 });
    await check(feed);
    await fixture.pool.query(`UPDATE accounts SET closed_on = NULL WHERE account_id = $1`, [feed.accountId]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 0 });
    expect((await readFeed(fixture.pool, feed))?.closedBy).toBe('connection');
    expect(await listFeedsClosedWithAccount(fixture.pool, feed)).toEqual([]);
  });

  it('gets no new batch, and what was not sent stays stored', async () => {
    const feed = await feedToUnlink(3);
    await requestUnlink(fixture.pool, feed);
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', delivered: 0 });
    expect(await fixture.posts()).toBe(posts);
    await check(feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed' });
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ held: 3, ready: 0 });
  });

  it('waits for the outcome of its open batch, which is delivered; then it is deleted', async () => {
    const feed = await feedToUnlink(3);
    const lost = { kind: 'reset_after_effect', point: 'before_any_byte', match: batchPost, times: 1 };
    await fixture.control('POST', '/faults', lost);
    await fixture.deliveryRun(feed).catch(() => undefined);
    await requestUnlink(fixture.pool, feed);
    expect(await readListedConnection(fixture.pool, feed)).toMatchObject({ openBatchFeedId: feed.feedId });
    expect(await check(feed)).toMatchObject({ awaitedCount: 1, nextPollMs: 2_000 });
    expect(fixture.woken).toContain(`facts ${feed.feedId}`);
    expect(await isAtRutter(feed)).toBe(true);
    await fixture.deliveryRun(feed);
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ delivered: 3, batched: 0 });
    expect(await check(feed)).toMatchObject({ nextPollMs: null });
    expect(await isAtRutter(feed)).toBe(false);
  });

  it('sends nothing again under a new key: a batch that certainly did not arrive is undone', async () => {
    const feed = await feedToUnlink(2);
    await fixture.control('POST', '/faults', {
      kind: 'status',
      http_status: 429,
      body: {},
      accepted: true,
      match: batchPost,
      times: 1,
    });
    await fixture.deliveryRun(feed).catch(() => undefined);
    await requestUnlink(fixture.pool, feed);
    const posts = await fixture.posts();
    for (let runs = 0; runs < 3; runs += 1) await fixture.deliveryRun(feed).catch(() => undefined);
    expect((await fixture.posts()) - posts).toBeLessThanOrEqual(1);
    await check(feed);
    expect(await isAtRutter(feed)).toBe(false);
    const counts = await countByDeliveryStatus(fixture.pool, feed);
    expect(counts.batched).toBe(0);
    expect(counts.ready + counts.delivered).toBe(2);
  });

  it('that Rutter does not know any more counts as deleted', async () => {
    const feed = await feedToUnlink(0);
    await fixture.deps.rutter.deleteConnection({
      connectionId: (await connectionOf(feed))?.rutterConnectionId ?? '',
    });
    await requestUnlink(fixture.pool, feed);
    expect(await check(feed)).toMatchObject({ nextPollMs: null });
    expect(await stateOf(feed)).toBe('closed');
    expect((await timelineOf(feed)).at(-1)).toMatchObject({ detail: { was_gone: true } });
  });

  it('that Rutter refuses stays open, says why, and is tried again later', async () => {
    const feed = await feedToUnlink(0);
    await requestUnlink(fixture.pool, feed);
    const body = { error_type: 'API_REQUEST_ERROR', error_code: 'PRODUCT_NOT_ALLOWED', error_message: 'no' };
    await fixture.control('POST', '/faults', { kind: 'status', http_status: 403, body, match: deletion });
    expect(await check(feed)).toMatchObject({ refused: true, nextPollMs: 900_000 });
    expect(await connectionOf(feed)).toMatchObject({ unlinkedAt: null });
    expect((await connectionOf(feed))?.statusReason).toMatch(/PRODUCT_NOT_ALLOWED/);
    await fixture.control('DELETE', '/faults');
    expect(await check(feed)).toMatchObject({ refused: false, nextPollMs: null });
    expect(await connectionOf(feed)).toMatchObject({ statusReason: null });
  });

  it.each([
    ['a lost answer', { kind: 'reset_after_effect', point: 'before_any_byte' }],
    ['a time-out before the effect', { kind: 'reset_before_effect' }],
    ['a server error', { kind: 'status', http_status: 503, body: {} }],
    ['an answer that says no', { kind: 'status', http_status: 200, body: { success: false } }],
    ['an answer that is not understood', { kind: 'status', http_status: 200, body: { ok: 1 } }],
  ])('is not called unlinked after %s, and the next attempt completes it', async (_, fault) => {
    const feed = await feedToUnlink(0);
    await requestUnlink(fixture.pool, feed);
    await fixture.control('POST', '/faults', { ...fault, match: deletion, times: 1 });
    await expect(check(feed)).rejects.toThrow();
    expect(await connectionOf(feed)).toMatchObject({ unlinkedAt: null });
    expect(await stateOf(feed)).not.toBe('closed');
    expect(await check(feed)).toMatchObject({ nextPollMs: null });
    expect(await isAtRutter(feed)).toBe(false);
  });

  it('waits while Rutter rejects our own credentials, without asking', async () => {
    const feed = await feedToUnlink(0);
    await requestUnlink(fixture.pool, feed);
    await recordCredentialsRejected(fixture.pool);
    await expect(check(feed)).rejects.toBeInstanceOf(CredentialsRejected);
    expect(await isAtRutter(feed)).toBe(true);
    await endOutage(fixture.pool);
    expect(await check(feed)).toMatchObject({ nextPollMs: null });
  });

  it('and is refused by Rutter is deleted although the outcome of its batch stays unknown, and says so', async () => {
    const feed = await feedToUnlink(2);
    await fixture.control('POST', '/faults', { kind: 'reset_before_effect', match: batchPost, times: 1 });
    await fixture.deliveryRun(feed).catch(() => undefined);
    await recordConnectionRefused(fixture.pool, {
      connectionId: feed.connectionId,
      code: 'NEEDS_UPDATE',
      message: null,
    });
    await requestUnlink(fixture.pool, feed);
    expect(await check(feed)).toMatchObject({ nextPollMs: null });
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ batched: 2, delivered: 0 });
    expect((await timelineOf(feed)).at(-1)).toMatchObject({ detail: { feed_in_flight: feed.feedId } });
    // The way out: an operator looks into Sage.
    const decision = { feedId: feed.feedId, outcome: 'not_delivered', reason: 'nothing in Sage' } as const;
    expect(await resolveBatch(fixture.pool, decision)).toBe('resolved');
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ batched: 0, held: 2 });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 0 });
    expect(await resolveBatch(fixture.pool, decision)).toBe('repeated');
  });

  it('is requested and ended once, however often it is asked', async () => {
    const feed = await feedToUnlink(0);
    await Promise.all([1, 2, 3].map(() => requestUnlink(fixture.pool, feed)));
    await Promise.allSettled([1, 2, 3].map(() => check(feed)));
    await check(feed);
    await requestUnlink(fixture.pool, feed);
    expect(await check(feed)).toMatchObject({ nextPollMs: null });
    const kinds = (await timelineOf(feed)).map(({ kind }) => kind);
    expect(kinds).toEqual(['connection_unlink_requested', 'feed_closed', 'connection_unlinked']);
  });

  it('is in no handoff any more: it is not offered, and no feed is opened on it', async () => {
    const feed = await feedToUnlink(0);
    const { customerId } = (await connectionOf(feed)) ?? { customerId: '' };
    expect(await listUsableConnections(fixture.pool, { customerId })).toHaveLength(1);
    await requestUnlink(fixture.pool, feed);
    expect(await listUsableConnections(fixture.pool, { customerId })).toEqual([]);
    await check(feed);
    const reopened = await transaction(fixture.pool, (db) => createFeed(db, { ...feed, customerId }));
    expect(reopened).toEqual({ outcome: 'unlinking' });
    expect(await stateOf(feed)).toBe('closed');
  });

  it('waits for a batch that is being built, which does not wait for it', async () => {
    const feed = await feedToUnlink(0);
    const requested: Promise<unknown>[] = [];
    await transaction(fixture.pool, async (db) => {
      await lockFeed(db, feed);
      requested.push(requestUnlink(fixture.pool, feed));
      await untilWaiting();
      // As building a batch does: a row that refers to the connection.
      await db.query(
        `INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash,
                              first_posted_at, last_posted_at, state)
         VALUES (gen_random_uuid(), $1, $2, 'other', 1, 1, 'hash', now(), now(), 'undone')`,
        [feed.feedId, feed.connectionId],
      );
    });
    expect(await Promise.all(requested)).toEqual([[feed.feedId]]);
  });

  it('is not requested while a feed is being opened on it', async () => {
    const feed = await feedToUnlink(0);
    const { customerId } = (await connectionOf(feed)) ?? { customerId: '' };
    const requested: Promise<unknown>[] = [];
    await transaction(fixture.pool, async (db) => {
      expect(await createFeed(db, { ...feed, customerId })).toMatchObject({ outcome: 'unchanged' });
      requested.push(requestUnlink(fixture.pool, feed));
      await untilWaiting();
      expect((await connectionOf(feed))?.unlinkRequestedAt).toBeNull();
    });
    expect(await Promise.all(requested)).toEqual([[feed.feedId]]);
  });

  it('has no account any more that customers are shown as not shared', async () => {
    const feed = await feedToUnlink(0);
    const { customerId } = (await connectionOf(feed)) ?? { customerId: '' };
    await applyFeedRequest(fixture.pool, { feedId: feed.feedId, action: 'close' });
    await fixture.pool.query(
      `INSERT INTO publications (connection_id, account_id, publish_key, refused_reason, refused_at)
       VALUES ($1, $2, gen_random_uuid(), 'provider_refused', now())`,
      [feed.connectionId, feed.accountId],
    );
    expect(await listUnpublishedAccounts(fixture.pool, { customerId })).toHaveLength(1);
    await requestUnlink(fixture.pool, feed);
    expect(await listUnpublishedAccounts(fixture.pool, { customerId })).toEqual([]);
  });

  it('and whose workflow is missing is found by the repair job until it is unlinked', async () => {
    const feed = await feedToUnlink(0);
    await requestUnlink(fixture.pool, feed);
    const find = async () =>
      (await listConnectionsToCheck(fixture.pool, { afterId: null, limit: 1_000 })).filter(
        ({ connectionId }) => connectionId === feed.connectionId,
      );
    expect(await find()).toEqual([]);
    await fixture.pool.query(
      `UPDATE connections SET unlink_requested_at = now() - interval '2 minutes' WHERE connection_id = $1`,
      [feed.connectionId],
    );
    expect(await find()).toHaveLength(1);
    await check(feed);
    expect(await find()).toEqual([]);
  });
});

it('a connection that nobody unlinks is checked as before', async () => {
  const feed = await feedToUnlink(0);
  expect(await requestUnlink(fixture.pool, { connectionId: feed.feedId })).toBeNull();
  expect(await check(feed)).toMatchObject({ refused: false });
  expect(await isAtRutter(feed)).toBe(true);
});
