import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../support/until.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

const startDate = '2026-03-01T00:00:00.000Z';
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

const batchPost = { method: 'POST', path: 'bank_feeds/transactions' };

describe('a delivery run without faults', () => {
  it('sends everything from the start date on, in order, with as few requests as possible', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const before = postingsFrom({ from: '2026-02-28T00:00:00Z', count: 700, prefix: 'old' });
    const after = postingsFrom({ from: startDate, count: 2_500 });
    await fixture.addPostings(feed, [...after.slice(1_000), ...before, ...after.slice(0, 1_000)]);
    const posts = await fixture.posts();

    const result = await fixture.deliveryRun(feed);

    expect(result).toMatchObject({ outcome: 'caught_up', state: 'live', batches: 3, delivered: 2_500 });
    expect((await fixture.book(feed)).map((booked) => booked.transaction_id)).toEqual(
      after.map(({ id }) => id),
    );
    expect((await fixture.posts()) - posts).toBe(3);
  });

  it('applies the start date to the day', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, [
      { id: 'just-before', postedAt: '2026-02-28T23:59:59.999Z' },
      { id: 'exactly', postedAt: startDate },
    ]);
    await fixture.deliveryRun(feed);
    expect((await fixture.book(feed)).map((booked) => booked.transaction_id)).toEqual(['exactly']);
  });

  it('sends a posting from before the last delivered one in the next batch, marked late', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: '2026-03-02T00:00:00Z', count: 3 }));
    await fixture.deliveryRun(feed);
    await fixture.addPostings(feed, [
      { id: 'late', postedAt: '2026-03-01T12:00:00Z' },
      { id: 'new', postedAt: '2026-03-09T12:00:00Z' },
    ]);
    await fixture.deliveryRun(feed);
    expect((await fixture.book(feed)).map((booked) => booked.transaction_id).slice(3)).toEqual([
      'late',
      'new',
    ]);
    const { rows } = await fixture.pool.query(
      `SELECT transaction_id FROM ledger WHERE feed_id = $1 AND late`,
      [feed.feedId],
    );
    expect(rows).toEqual([{ transaction_id: 'late' }]);
  });

  it('keeps the order of arrival of postings of one instant across batch boundaries', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const postings = postingsFrom({ from: startDate, count: 2_500 });
    const same = postings.map((posting) => ({ ...posting, postedAt: startDate }));
    await fixture.addPostings(feed, same);
    await fixture.deliveryRun(feed);
    expect((await fixture.book(feed)).map((booked) => booked.transaction_id)).toEqual(
      same.map(({ id }) => id),
    );
  });

  it('sends only the gap when the customer chose an earlier start date in Sage', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, [
      ...postingsFrom({ from: '2026-01-31T23:58:00Z', count: 5, prefix: 'older' }),
      ...postingsFrom({ from: startDate, count: 5 }),
    ]);
    await fixture.deliveryRun(feed);
    await fixture.control('POST', `/accounts/${feed.rutterAccountId}/select`, {
      transaction_start_date: '2026-02-01T00:00:00.000Z',
    });
    await fixture.deliveryRun(feed, { readAccount: true });
    const booked = await fixture.bookedIds(feed);
    expect(booked.slice(5)).toEqual(['older-000003', 'older-000004', 'older-000005']);
  });

  it('does not send pending or void postings, nor anything for a paused feed', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, [
      { id: 'pending', postedAt: startDate, status: 'pending' },
      { id: 'void', postedAt: startDate, status: 'void' },
      { id: 'posted', postedAt: startDate },
    ]);
    await fixture.pool.query(`UPDATE feeds SET operator = 'paused', state = 'paused' WHERE feed_id = $1`, [
      feed.feedId,
    ]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', state: 'paused' });
    expect(await fixture.book(feed)).toEqual([]);
    await fixture.pool.query(`UPDATE feeds SET operator = 'running', state = 'live' WHERE feed_id = $1`, [
      feed.feedId,
    ]);
    await fixture.deliveryRun(feed);
    expect((await fixture.book(feed)).map((booked) => booked.transaction_id)).toEqual(['posted']);
  });
});

describe('an unknown outcome', () => {
  const cases = [
    { name: 'reset before any byte of the answer', kind: 'reset_after_effect', point: 'before_any_byte' },
    { name: 'reset after the headers of the answer', kind: 'reset_after_effect', point: 'after_headers' },
    { name: 'reset in the middle of the answer', kind: 'reset_after_effect', point: 'half_body' },
    { name: 'reset before the request was seen', kind: 'reset_before_effect' },
    { name: 'gateway error after the effect', kind: 'server_error_after_effect' },
    { name: 'gateway error before the effect', kind: 'server_error_before_effect' },
    { name: 'answer that never arrives', kind: 'hang_after_effect' },
    { name: 'answer of unreadable JSON', kind: 'malformed_body', shape: 'truncated_json' },
    { name: 'answer of HTML', kind: 'malformed_body', shape: 'html' },
    { name: 'empty answer', kind: 'malformed_body', shape: 'empty' },
    {
      name: 'job that failed with a 500 after the effect',
      kind: 'server_error_after_effect',
      recorded: true,
    },
    { name: 'rate limit', kind: 'rate_limited' },
    { name: 'platform rate limit of an accepted job', kind: 'platform_rate_limited' },
  ];
  it.each(cases)('books every posting once: $name', async ({ name: _, ...fault }) => {
    const feed = await fixture.makeFeed({ startDate });
    const postings = postingsFrom({ from: startDate, count: 1_200 });
    await fixture.addPostings(feed, postings);
    await fixture.control('POST', '/faults', { match: batchPost, times: 1, ...fault });

    await fixture.untilCaughtUp(feed);

    expect((await fixture.book(feed)).map((booked) => booked.transaction_id)).toEqual(
      postings.map(({ id }) => id),
    );
    expect((await fixture.violations()).resent).toEqual([]);
  });

  it('reads back before a new key when an accepted job failed with a 500 and nothing was synced', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 3 }));
    const fault = { kind: 'server_error_before_effect', recorded: true, match: batchPost, times: 1 };
    await fixture.control('POST', '/faults', fault);
    await fixture.untilCaughtUp(feed, { deps: { ...fixture.deps, wait: fixture.advanceClock } });
    const keys = new Set((await fixture.book(feed)).map((booked) => booked.idempotency_key));
    expect(keys.size).toBe(1);
    const { rows } = await fixture.pool.query<{ state: string }>(
      `SELECT a.state FROM attempts a JOIN batches b USING (batch_id) WHERE b.feed_id = $1 ORDER BY a.number`,
      [feed.feedId],
    );
    expect(rows.map((row) => row.state)).toEqual(['nothing_synced', 'delivered']);
  });

  it('sends postings again that the answer of a successful batch does not name', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 10 }));
    await fixture.control('POST', '/faults', {
      kind: 'omit_from_answer',
      count: 2,
      match: batchPost,
      times: 1,
    });
    await fixture.untilCaughtUp(feed);
    expect(await fixture.book(feed)).toHaveLength(10);
  });

  it('polls a slow job instead of posting again', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 5 }));
    await fixture.control('POST', '/knobs', { jobRunMs: 4_000, preferSyncWindowMs: 500 });
    const posts = await fixture.posts();
    await fixture.untilCaughtUp(feed, { deps: { ...fixture.deps, wait: fixture.advanceClock } });
    await fixture.control('POST', '/knobs', { jobRunMs: 0, preferSyncWindowMs: 30_000 });
    expect((await fixture.posts()) - posts).toBe(1);
    expect(await fixture.book(feed)).toHaveLength(5);
  });
});

describe('refusals', () => {
  it('blocks the feed with the provider message, sends nothing more and loses nothing', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 5 }));
    const body = {
      error_type: 'API_REQUEST_ERROR',
      error_code: 'NOT_SUPPORTED',
      error_message: 'not for Sage',
    };
    const refusal = { kind: 'status', http_status: 404, body, match: batchPost, times: 0 };
    const { id } = (await fixture.control('POST', '/faults', refusal)) as { id: number };
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'waiting',
      reason: 'rejected_by_provider',
    });
    const blocked = await fixture.pool.query<{ reason_detail: string }>(
      `SELECT reason_detail FROM feeds WHERE feed_id = $1`,
      [feed.feedId],
    );
    expect(blocked.rows[0]?.reason_detail).toContain('404 NOT_SUPPORTED not for Sage');
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting' });
    expect(await fixture.posts()).toBe(posts);
    await fixture.control('DELETE', `/faults/${String(id)}`);
    await fixture.pool.query(`UPDATE feeds SET reason = NULL WHERE feed_id = $1`, [feed.feedId]);
    await fixture.untilCaughtUp(feed);
    expect(await fixture.book(feed)).toHaveLength(5);
  });

  it('blocks the feed after one POST when a successful answer names nothing of the batch', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 1 }));
    await fixture.control('POST', '/faults', {
      kind: 'omit_from_answer',
      count: 1,
      match: batchPost,
      times: 0,
    });
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'waiting',
      reason: 'answer_incomplete',
    });
    expect((await fixture.posts()) - posts).toBe(1);
  });

  it('keeps the reason and one timeline entry while Rutter keeps refusing the key', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 2 }));
    const body = {
      error_type: 'API_REQUEST_ERROR',
      error_code: 'IDEMPOTENCY_CONFLICT',
      error_message: 'other body',
    };
    const conflict = { kind: 'status', http_status: 409, body, match: batchPost, times: 2 };
    await fixture.control('POST', '/faults', conflict);
    await expect(fixture.deliveryRun(feed)).rejects.toThrow();
    const { rows } = await fixture.pool.query(`SELECT reason FROM feeds WHERE feed_id = $1`, [feed.feedId]);
    expect(rows).toEqual([{ reason: 'conflict_with_provider' }]);
    await expect(fixture.deliveryRun(feed)).rejects.toThrow();
    const blocked = await fixture.pool.query(
      `SELECT 1 FROM timeline WHERE feed_id = $1 AND kind = 'feed_blocked'`,
      [feed.feedId],
    );
    expect(blocked.rowCount).toBe(1);
    await fixture.untilCaughtUp(feed);
    expect(await fixture.book(feed)).toHaveLength(2);
  });

  it('of a daily check that is transient is retried', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await setConnection(feed.connectionId, 'not_ready');
    await expect(fixture.deliveryRun(feed, { readAccount: true })).rejects.toThrow();
    const { rows } = await fixture.pool.query(`SELECT reason FROM feeds WHERE feed_id = $1`, [feed.feedId]);
    expect(rows).toEqual([{ reason: 'provider_unavailable' }]);
    await setConnection(feed.connectionId, 'active');
    expect(await fixture.deliveryRun(feed, { readAccount: true })).toMatchObject({
      outcome: 'caught_up',
      reason: null,
    });
  });

  it('undoes the batch and waits when the account was disconnected in Sage', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 5 }));
    await fixture.control('POST', `/accounts/${feed.rutterAccountId}/disconnect`);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', state: 'disconnected' });
    expect(fixture.woken).toContain(`wake ${feed.connectionId}`);
    // Only a refused request shows the change, so this one violation is unavoidable after a disconnection in Sage.
    await fixture.control('DELETE', '/violations');
    await fixture.control('POST', `/accounts/${feed.rutterAccountId}/select`, {
      transaction_start_date: startDate,
    });
    await fixture.deliveryRun(feed, { readAccount: true });
    expect(await fixture.book(feed)).toHaveLength(5);
  });

  it('blocks all feeds of a connection that needs a new authorization', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const sibling = await fixture.makeFeed({ startDate, connectionId: feed.connectionId });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 5 }));
    await setConnection(feed.connectionId, 'needs_reauth');
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', state: 'reauth_required' });
    expect(await fixture.deliveryRun(sibling)).toMatchObject({
      outcome: 'waiting',
      state: 'reauth_required',
    });
    await fixture.control('DELETE', '/violations');
  });
});

describe('a 401', () => {
  it('of one connection blocks only that connection', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const other = await fixture.makeFeed({ startDate });
    for (const each of [feed, other])
      await fixture.addPostings(each, postingsFrom({ from: startDate, count: 2 }));
    await revoke(feed.connectionId, true);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', state: 'reauth_required' });
    expect(await fixture.deliveryRun(other)).toMatchObject({ outcome: 'caught_up' });
    await revoke(feed.connectionId, false);
    await fixture.control('DELETE', '/violations');
  });

  it('of our own credentials blocks no feed and stops all sending until a probe is accepted', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 2 }));
    await fixture.control('POST', '/organisations/revoke', { revoked: true });
    await expect(fixture.deliveryRun(feed)).rejects.toMatchObject({
      type: 'ProviderUnavailable',
      nonRetryable: false,
    });
    const { rows } = await fixture.pool.query(`SELECT state, reason FROM feeds WHERE feed_id = $1`, [
      feed.feedId,
    ]);
    expect(rows).toEqual([{ state: 'backfilling', reason: 'credentials_rejected' }]);
    const posts = await fixture.posts();
    await expect(fixture.deliveryRun(feed)).rejects.toMatchObject({ type: 'ProviderUnavailable' });
    expect(await fixture.posts()).toBe(posts);
    await fixture.control('POST', '/organisations/revoke', { revoked: false });
    await fixture.control('DELETE', '/violations');
    await fixture.pool.query(`UPDATE rejected_credentials SET probed_at = probed_at - interval '31 seconds'`);
    await fixture.untilCaughtUp(feed);
    expect(await fixture.book(feed)).toHaveLength(2);
  });
});

describe('the delivery lock', () => {
  it('makes a second feed of the connection wait while a batch of the first is in flight', async () => {
    const first = await fixture.makeFeed({ startDate });
    const second = await fixture.makeFeed({ startDate, connectionId: first.connectionId });
    await fixture.addPostings(first, postingsFrom({ from: startDate, count: 5 }));
    await fixture.addPostings(second, postingsFrom({ from: startDate, count: 5 }));
    await fixture.control('POST', '/knobs', { jobRunMs: 1_000 });
    const deliveryRuns = await Promise.all([fixture.deliveryRun(first), fixture.deliveryRun(second)]);
    await fixture.control('POST', '/knobs', { jobRunMs: 0 });
    expect(deliveryRuns.map((deliveryRun) => deliveryRun.outcome).sort()).toEqual(['caught_up', 'lock_busy']);
    await fixture.untilCaughtUp(first);
    await fixture.untilCaughtUp(second);
    expect(await fixture.book(second)).toHaveLength(5);
  });

  it('passes to a feed with one new posting during the long backfill of another', async () => {
    const backfilling = await fixture.makeFeed({ startDate });
    const urgent = await fixture.makeFeed({ startDate, connectionId: backfilling.connectionId });
    await fixture.addPostings(backfilling, postingsFrom({ from: startDate, count: 40_000 }));
    await fixture.control('POST', '/knobs', { jobRunMs: 300 });
    let backfillDone = false;
    const backfill = fixture.untilCaughtUp(backfilling, { runsMax: 200 }).then(() => (backfillDone = true));
    await until(async () => (await fixture.book(backfilling)).length > 0, {
      timeoutMs: 10_000,
      describe: 'the backfill has started',
    });
    await fixture.addPostings(urgent, [{ id: 'urgent', postedAt: startDate }]);
    await fixture.untilCaughtUp(urgent, { runsMax: 60 });
    expect(backfillDone).toBe(false);
    await fixture.control('POST', '/knobs', { jobRunMs: 0 });
    await backfill;
    expect(await fixture.book(backfilling)).toHaveLength(40_000);
  });

  it('gives the other feeds of the connection a reason when a batch is blocked', async () => {
    const blocked = await fixture.makeFeed({ startDate });
    const sibling = await fixture.makeFeed({ startDate, connectionId: blocked.connectionId });
    for (const each of [blocked, sibling]) {
      await fixture.addPostings(each, postingsFrom({ from: startDate, count: 2 }));
    }
    await fixture.control('POST', '/knobs', { preferSyncWindowMs: 50 });
    await fixture.control('POST', '/faults', { kind: 'job_never_ends', match: batchPost, times: 1 });
    // The sender fails while the job runs, and Rutter does not know the job when the next one polls it.
    const failedRun = fixture.deliveryRun(blocked).catch(() => undefined);
    const job = `UPDATE attempts SET job_id = gen_random_uuid(), job_seen_at = now() - interval '1 hour'
                  WHERE job_id IS NOT NULL AND batch_id IN (SELECT batch_id FROM batches WHERE feed_id = $1)`;
    await until(async () => (await fixture.pool.query(job, [blocked.feedId])).rowCount === 1, {
      timeoutMs: 10_000,
      describe: 'the job was seen',
    });
    await failedRun;
    expect(await fixture.deliveryRun(blocked)).toMatchObject({ outcome: 'waiting', reason: 'job_lost' });
    const waiting = await fixture.deliveryRun(sibling);
    expect(waiting).toMatchObject({ outcome: 'retry_later', reason: 'waiting_for_another_feed' });
    await fixture.control('POST', '/knobs', { preferSyncWindowMs: 30_000 });
    await fixture.control('DELETE', '/violations');
  });

  it('lets the sender of another feed complete the batch of a crashed sender before it builds its own', async () => {
    const crashed = await fixture.makeFeed({ startDate });
    const other = await fixture.makeFeed({ startDate, connectionId: crashed.connectionId });
    await fixture.addPostings(crashed, postingsFrom({ from: startDate, count: 5 }));
    await fixture.addPostings(other, postingsFrom({ from: startDate, count: 5 }));
    await fixture.control('POST', '/faults', {
      kind: 'reset_after_effect',
      point: 'before_any_byte',
      match: batchPost,
      times: 1,
    });
    await expect(fixture.deliveryRun(crashed)).rejects.toThrow();
    expect(await fixture.deliveryRun(other)).toMatchObject({ outcome: 'caught_up', batches: 2 });
    expect(await fixture.book(crashed)).toHaveLength(5);
    expect((await fixture.violations()).resent).toEqual([]);
  });
});

async function setConnection(connectionId: string, status: string): Promise<void> {
  const { rows } = await fixture.pool.query<{ rutter_connection_id: string }>(
    `SELECT rutter_connection_id FROM connections WHERE connection_id = $1`,
    [connectionId],
  );
  await fixture.control('POST', `/connections/${rows[0]?.rutter_connection_id ?? ''}/status`, { status });
}

async function revoke(connectionId: string, revoked: boolean): Promise<void> {
  const { rows } = await fixture.pool.query<{ rutter_connection_id: string }>(
    `SELECT rutter_connection_id FROM connections WHERE connection_id = $1`,
    [connectionId],
  );
  await fixture.control('POST', `/connections/${rows[0]?.rutter_connection_id ?? ''}/token`, { revoked });
}
