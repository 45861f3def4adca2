import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { countByDeliveryStatus } from '../../../src/db/rutter/delivery-status.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

/* What explains the refusal of a batch, so that no posting is at fault. */

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

async function exceptionsOf(feed: DeliveryFeed): Promise<Record<string, string>> {
  const { rows } = await fixture.pool.query<{ transaction_id: string; exception: string }>(
    `SELECT transaction_id, exception FROM ledger WHERE feed_id = $1 AND exception IS NOT NULL ORDER BY 1`,
    [feed.feedId],
  );
  return Object.fromEntries(rows.map((row) => [row.transaction_id, row.exception]));
}

const idsOf = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `tx-${String(index + 1).padStart(6, '0')}`);

describe('before a batch is bisected', () => {
  const bad = { kind: 'platform_bad_request', match: batchPost, times: 1 };

  it('the account is read: if it is disconnected, the feed waits and nothing is bisected', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 2 }));
    await fixture.control('POST', '/faults', { ...bad, accepted: false });
    await fixture.control('POST', `/accounts/${feed.rutterAccountId}/disconnect`);
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', state: 'disconnected' });
    expect((await fixture.posts()) - posts).toBe(1);
    expect(await exceptionsOf(feed)).toEqual({});
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ ready: 2, batched: 0 });
  });

  it.each([
    ['needs_reauth', 'reauth_required'],
    ['disabled', 'reauth_required'],
  ])('the connection is read: if it is %s, its feeds become %s', async (status, state) => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 2 }));
    // The account can still be read; only the status of the connection shows the problem.
    const body = { bank_feed_account: renderedAccount(feed) };
    const answer = { kind: 'status', http_status: 200, body, match: { method: 'GET', path: 'accounts/' } };
    await fixture.control('POST', '/faults', answer);
    await fixture.control('POST', '/faults', { ...bad, kind: 'status', http_status: 450, body: {} });
    await setConnection(feed, status);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', state });
    expect(await exceptionsOf(feed)).toEqual({});
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ ready: 2, batched: 0 });
  });

  it('the last job of the connection is read: while it runs, the batch waits under its key', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 1 }));
    await fixture.deliveryRun(feed);
    await fixture.addPostings(feed, postingsFrom({ from: '2026-03-02T00:00:00Z', count: 2, prefix: 'next' }));
    const { rows } = await fixture.pool.query<{ job_id: string }>(
      `SELECT job_id FROM batches WHERE feed_id = $1`,
      [feed.feedId],
    );
    const jobId = rows[0]?.job_id ?? '';
    const running = { id: jobId, status: 'pending', request: { method: 'POST', url: 'x' } };
    const poll = {
      kind: 'status',
      http_status: 200,
      body: running,
      match: { method: 'GET', path: `jobs/${jobId}` },
    };
    await fixture.control('POST', '/faults', poll);
    await fixture.control('POST', '/faults', { ...bad, accepted: false });
    await expect(fixture.deliveryRun(feed)).rejects.toMatchObject({ type: 'ProviderUnavailable' });
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ batched: 2 });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 2 });
    expect(await exceptionsOf(feed)).toEqual({});
  });

  it('a job refused for its credentials marks the connection refused, not its postings', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 1 }));
    const body = { error_type: 'CONNECTION_ERROR', error_code: 'INVALID_CREDENTIALS', error_message: 'no' };
    await fixture.control('POST', '/knobs', { jobRunMs: 200, preferSyncWindowMs: 50 });
    await fixture.control('POST', '/faults', { ...bad, kind: 'job_failure', http_status: 401, body });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', state: 'reauth_required' });
    await fixture.control('POST', '/knobs', { jobRunMs: 0, preferSyncWindowMs: 30_000 });
    expect(await exceptionsOf(feed)).toEqual({});
  });

  it('the list of Rutter is read when an earlier POST of the key has an unknown outcome: what it has is delivered', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 2 }));
    const reset = { kind: 'reset_after_effect', point: 'before_any_byte', match: batchPost, times: 1 };
    await fixture.control('POST', '/faults', reset);
    await expect(fixture.deliveryRun(feed)).rejects.toThrow();
    await fixture.control('POST', '/faults', { ...bad, kind: 'status', http_status: 450, body: {} });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 2 });
    expect(await exceptionsOf(feed)).toEqual({});
    expect(await fixture.bookedIds(feed)).toEqual(idsOf(2));
  });
});

/** The account as Rutter rendered it before its connection changed. */
function renderedAccount(feed: DeliveryFeed): Record<string, unknown> {
  return {
    id: feed.rutterAccountId,
    internal_bank_account_id: feed.accountId,
    bank_account_type: 'bank',
    feed_status: 'active',
    transaction_ready: true,
    transaction_start_date: startDate,
    currency_code: 'GBP',
    name: 'Trading',
    last_synced_at: startDate,
  };
}

async function setConnection(feed: DeliveryFeed, status: string): Promise<void> {
  const { rows } = await fixture.pool.query<{ rutter_connection_id: string }>(
    `SELECT rutter_connection_id FROM connections WHERE connection_id = $1`,
    [feed.connectionId],
  );
  await fixture.control('POST', `/connections/${rows[0]?.rutter_connection_id ?? ''}/status`, { status });
}
