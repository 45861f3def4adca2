import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { countByDeliveryStatus } from '../../../src/db/rutter/delivery-status.js';
import { readFeed } from '../../../src/db/rutter/feeds.js';
import { decidePosting } from '../../../src/db/rutter/posting-decisions.js';
import { LimiterSaturated } from '../../../src/db/rate-limiter.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

const startDate = '2026-03-01T00:00:00.000Z';
const batchPost = { method: 'POST', path: 'bank_feeds/transactions' };
const limited = { kind: 'job_failure', http_status: 452, match: batchPost };
let fixture: DeliveryFixture;

beforeAll(async () => {
  // A wait only advances the clock of the sandbox.
  const wait = async (waitMs: number): Promise<void> => {
    await fixture.control('POST', '/clock', { advance_ms: waitMs });
  };
  fixture = await createDeliveryFixture({ wait });
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  await fixture.control('POST', '/knobs', { jobRunMs: 0, preferSyncWindowMs: 30_000 });
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
});

const makeFilledFeed = (count = 3, input: { connectionId?: string } = {}) =>
  fixture.makeFilledFeed({ startDate, count, ...input });

const fault = (spec: Record<string, unknown>) => fixture.control('POST', '/faults', { times: 1, ...spec });

async function batchStates(feed: DeliveryFeed): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ state: string }>(
    `SELECT state FROM batches WHERE feed_id = $1 ORDER BY number`,
    [feed.feedId],
  );
  return rows.map((row) => row.state);
}

async function setFeed(feed: DeliveryFeed, column: string, value: unknown): Promise<void> {
  await fixture.pool.query(`UPDATE feeds SET ${column} = $2 WHERE feed_id = $1`, [feed.feedId, value]);
}

/** A feed with an open batch: its POST was rejected by the rate limit. */
async function makeFeedWithOpenBatch(makeFeed = makeFilledFeed): Promise<DeliveryFeed> {
  const feed = await makeFeed();
  await fault({ kind: 'rate_limited', match: batchPost });
  await expect(fixture.deliveryRun(feed)).rejects.toMatchObject({ kind: 'rate_limited' });
  return feed;
}

describe('a batch that is open when its feed is linked again from a later date', () => {
  it('is not sent: only postings from the new date on are', async () => {
    const feed = await makeFeedWithOpenBatch(async () => {
      const made = await fixture.makeFeed({ startDate });
      await fixture.addPostings(made, [
        { id: 'tx-000001', postedAt: '2026-03-01T08:00:00.000Z' },
        { id: 'tx-000002', postedAt: '2026-03-01T23:59:00.000Z' },
        { id: 'tx-000003', postedAt: '2026-03-02T00:00:00.000Z' },
      ]);
      return made;
    });
    await setFeed(feed, 'transaction_start_date', '2026-03-02T00:00:00.000Z');
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up' });
    expect(await fixture.bookedIds(feed)).toEqual(['tx-000003']);
    expect(await batchStates(feed)).toEqual(['undone', 'delivered']);
  });
});

describe('a batch of another feed of the connection', () => {
  it('that is completed has its own feed woken, which may have been blocked', async () => {
    const owner = await makeFilledFeed();
    const sibling = await makeFilledFeed(1, owner);
    await fixture.control('POST', '/knobs', { jobRunMs: 60_000, preferSyncWindowMs: 50 });
    expect(await fixture.deliveryRun(owner)).toMatchObject({ outcome: 'job_running' });
    await setFeed(owner, 'reason', 'job_running_too_long');
    await fixture.control('POST', '/clock', { advance_ms: 60_000 });
    await fixture.control('POST', '/knobs', { jobRunMs: 0, preferSyncWindowMs: 30_000 });
    fixture.woken.length = 0;
    expect(await fixture.deliveryRun(sibling)).toMatchObject({ outcome: 'caught_up' });
    expect(await fixture.bookedIds(owner)).toHaveLength(3);
    expect(fixture.woken).toContain(`facts ${owner.feedId}`);
    // If the signal is lost, the repair job finds the requested check.
    expect(await readFeed(fixture.pool, owner)).toMatchObject({ reason: null, checkRequested: true });
  });

  it('that waits for its next attempt is not sent earlier by other feeds', async () => {
    const owner = await makeFilledFeed();
    const sibling = await makeFilledFeed(1, owner);
    await fault({ ...limited, times: 0 });
    expect(await fixture.deliveryRun(owner)).toMatchObject({ outcome: 'retry_later' });
    const posts = await fixture.posts();
    for (let tries = 0; tries < 5; tries += 1) {
      const result = await fixture.deliveryRun(sibling, { early: true });
      expect(result.outcome).toBe('retry_later');
      expect(result.waitMs).toBeGreaterThan(0);
    }
    expect(await fixture.posts()).toBe(posts);
    await fixture.control('DELETE', '/faults');
    expect(await fixture.deliveryRun(sibling)).toMatchObject({ outcome: 'caught_up' });
    expect(await fixture.bookedIds(owner)).toHaveLength(3);
  });

  it('that fails in every attempt is undone after the last, and the other feeds continue', async () => {
    const owner = await makeFilledFeed();
    const sibling = await makeFilledFeed(1, owner);
    await fault({ ...limited, match: { ...batchPost, account: owner.rutterAccountId }, times: 0 });
    for (let tries = 0; tries < 20; tries += 1) await fixture.deliveryRun(owner);
    expect(await readFeed(fixture.pool, owner)).toMatchObject({ reason: 'attempts_exhausted' });
    expect(await batchStates(owner)).toEqual(['undone']);
    expect(await fixture.deliveryRun(sibling)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
  });

  it('that meets a refused read is retried until Rutter answers, and blocks no feed', async () => {
    const owner = await makeFilledFeed();
    const sibling = await makeFilledFeed(1, owner);
    await fault({ kind: 'server_error_before_effect', recorded: true, match: batchPost });
    const list = { method: 'GET', path: 'bank_feeds/transactions' };
    const notSupported = {
      error_type: 'API_REQUEST_ERROR',
      error_code: 'NOT_SUPPORTED',
      error_message: 'no',
    };
    await fault({ kind: 'status', http_status: 500, body: {}, match: list });
    await expect(fixture.deliveryRun(owner)).rejects.toThrow();
    await fault({ kind: 'status', http_status: 404, body: notSupported, match: list });
    await expect(fixture.deliveryRun(sibling)).rejects.toMatchObject({ type: 'ProviderUnavailable' });
    expect(await readFeed(fixture.pool, sibling)).toMatchObject({
      reason: 'provider_unavailable',
      degradedCause: 'provider_refused',
    });
    expect(await readFeed(fixture.pool, owner)).toMatchObject({ degradedCause: 'provider_error' });
    await fixture.untilCaughtUp(sibling);
    await fixture.untilCaughtUp(owner);
    expect(await readFeed(fixture.pool, owner)).toMatchObject({ reason: null, degradedCause: null });
  });
});

describe('a refusal that Rutter had accepted', () => {
  const bad = { kind: 'platform_bad_request', match: batchPost };

  /** Rutter reports once that the first job of the feed is still running. */
  async function reportFirstJobRunning(feed: DeliveryFeed): Promise<void> {
    const { rows } = await fixture.pool.query<{ job_id: string }>(
      `SELECT job_id FROM batches WHERE feed_id = $1 ORDER BY number LIMIT 1`,
      [feed.feedId],
    );
    const id = rows[0]?.job_id ?? '';
    const body = { id, status: 'pending', request: { method: 'POST', url: 'x' } };
    await fault({ kind: 'status', http_status: 200, body, match: { method: 'GET', path: `jobs/${id}` } });
  }

  it('and that an earlier job explains is retried under a new key, and no posting is quarantined', async () => {
    const feed = await makeFilledFeed(1);
    await fixture.deliveryRun(feed);
    await fixture.addPostings(feed, postingsFrom({ from: '2026-03-02T00:00:00Z', count: 1, prefix: 'next' }));
    await reportFirstJobRunning(feed);
    await fault(bad);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'retry_later' });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ delivered: 2, quarantined: 0 });
  });

  it('is retried when Rutter cannot be read for an explanation', async () => {
    const feed = await makeFilledFeed(1);
    await fault({ kind: 'status', http_status: 503, body: {}, match: { method: 'GET', path: 'accounts/' } });
    await fault(bad);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'retry_later' });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
  });

  it('is not explained by a job that was abandoned, however long it runs', async () => {
    const feed = await makeFilledFeed(1);
    await fixture.deliveryRun(feed);
    await fixture.pool.query(
      `UPDATE attempts SET outcome_unknown = true WHERE batch_id IN (SELECT batch_id FROM batches WHERE feed_id = $1)`,
      [feed.feedId],
    );
    await fixture.addPostings(feed, postingsFrom({ from: '2026-03-02T00:00:00Z', count: 1, prefix: 'next' }));
    await reportFirstJobRunning(feed);
    await fault({ ...bad, accepted: false });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up' });
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ quarantined: 1 });
  });
});

describe('a batch', () => {
  it('that is too large for Rutter is sent in smaller ones', async () => {
    const feed = await makeFilledFeed(10);
    await fault({ kind: 'status', http_status: 413, body: {}, match: batchPost });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 10 });
    expect(await fixture.bookedIds(feed)).toHaveLength(10);
  });

  it('whose account is ready and refused by Rutter nevertheless waits under its key', async () => {
    const feed = await makeFilledFeed();
    const body = { error_type: 'X', error_code: 'BANK_FEED_ACCOUNT_NOT_READY', error_message: 'no' };
    await fault({ kind: 'status', http_status: 400, body, match: batchPost, times: 3 });
    for (let tries = 0; tries < 3; tries += 1) {
      await expect(fixture.deliveryRun(feed)).rejects.toMatchObject({ type: 'ProviderUnavailable' });
    }
    expect(await batchStates(feed)).toEqual(['open']);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 3 });
  });

  it('that is open prevents the discarding of postings that may become ready again', async () => {
    const feed = await makeFeedWithOpenBatch();
    await setFeed(feed, 'reason', 'rejected_by_provider');
    await fixture.addPostings(feed, [{ id: 'late', postedAt: '2026-03-01T00:00:30.000Z' }]);
    const discard = {
      feedId: feed.feedId,
      action: 'discard',
      transactionId: 'late',
      reason: 'seen',
    } as const;
    expect(await decidePosting(fixture.pool, discard)).toMatchObject({ kind: 'wrong_delivery_status' });
    await setFeed(feed, 'reason', null);
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toHaveLength(4);
  });
});

describe('a saturated limiter', () => {
  it('is a transient failure of the feed, not an unexpected one', async () => {
    const feed = await makeFilledFeed();
    const limiter = {
      acquire: () => Promise.reject(new LimiterSaturated('delivery', 20_000)),
      slowDown: () => Promise.resolve(),
    };
    const deps = { ...fixture.deps, rutter: fixture.clientOf(limiter) };
    await expect(fixture.deliveryRun(feed, { deps })).rejects.toThrow();
    expect(await readFeed(fixture.pool, feed)).toMatchObject({ reason: 'provider_unavailable' });
  });
});
