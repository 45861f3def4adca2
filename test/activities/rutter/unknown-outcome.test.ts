import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { retryAfterMaxMs } from '../../../src/clients/http/retry-after.js';
import { serializeBatch } from '../../../src/clients/rutter/transform.js';
import { abandonJob } from '../../../src/db/rutter/abandon-job.js';
import { openAccessToken } from '../../../src/db/connections.js';
import { countByDeliveryStatus } from '../../../src/db/rutter/delivery-status.js';
import { applyFeedRequest } from '../../../src/db/rutter/feed-facts.js';
import { readFeed } from '../../../src/db/rutter/feeds.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

const startDate = '2026-03-01T00:00:00.000Z';
const batchPost = { method: 'POST', path: 'bank_feeds/transactions' };
const jobPoll = { method: 'GET', path: 'jobs/' };
const defaultKnobs = { jobRunMs: 0, preferSyncWindowMs: 30_000 };
/** Jobs run longer than the request, so that their end is found by polling. */
const slowJobs = { jobRunMs: 3_000, preferSyncWindowMs: 50 };
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
beforeEach(async () => {
  await fixture.control('DELETE', '/faults');
  await fixture.control('POST', '/knobs', defaultKnobs);
});
afterEach(async () => {
  // The list of Rutter does not lag here, so with read-back nothing is sent a second time under a new key.
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
});

const fault = (spec: Record<string, unknown>) =>
  fixture.control('POST', '/faults', { match: batchPost, times: 1, ...spec });

const makeFilledFeed = (count = 3) => fixture.makeFilledFeed({ startDate, count });

async function expectBookedOnce(feed: DeliveryFeed, count = 3): Promise<void> {
  const ids = postingsFrom({ from: startDate, count }).map(({ id }) => id);
  expect(await fixture.bookedIds(feed)).toEqual(ids);
}

interface Attempt {
  state: string;
  posts: number;
  http_status: number | null;
}

async function attemptsOf(feed: DeliveryFeed): Promise<Attempt[]> {
  const { rows } = await fixture.pool.query<Attempt>(
    `SELECT a.state, a.posts, a.http_status FROM attempts a JOIN batches b USING (batch_id)
      WHERE b.feed_id = $1 ORDER BY b.number, a.number`,
    [feed.feedId],
  );
  return rows;
}

const reasonOf = async (feed: DeliveryFeed) => (await readFeed(fixture.pool, feed))?.reason ?? null;

describe('an answer without a usable result', () => {
  const cases = [
    { name: 'never arrives, nothing done', kind: 'hang_before_effect' },
    { name: 'never arrives, all done', kind: 'hang_after_effect' },
    { name: 'has no job header', kind: 'drop_job_header' },
    { name: 'is truncated JSON', kind: 'malformed_body', shape: 'truncated_json' },
    { name: 'is empty', kind: 'malformed_body', shape: 'empty' },
    { name: 'is HTML', kind: 'malformed_body', shape: 'html' },
    { name: 'has another content type than JSON', kind: 'malformed_body', shape: 'wrong_content_type' },
    { name: 'is too large', kind: 'malformed_body', shape: 'huge' },
    { name: 'is a decompression bomb', kind: 'malformed_body', shape: 'gzip_bomb' },
    { name: 'is a redirect', kind: 'redirect', location: 'http://127.0.0.1:9/elsewhere' },
    { name: 'has text for a number', kind: 'rewrite_body', find: '"amount":-12.5', replace: '"amount":"x"' },
    { name: 'has another shape', kind: 'rewrite_body', find: 'bank_feed_transactions', replace: 'done' },
    { name: 'is 204', kind: 'status', http_status: 204 },
    { name: 'is an unknown 2xx', kind: 'status', http_status: 299, body: { ok: true } },
    { name: 'is a gateway time-out', kind: 'status', http_status: 504, body: {} },
    { name: 'is a request time-out', kind: 'status', http_status: 408, body: {} },
  ];
  it.each(cases)(
    'is never taken for success, and everything is booked once: $name',
    async ({ name: _, ...spec }) => {
      const feed = await makeFilledFeed();
      await fault(spec);
      await fixture.untilCaughtUp(feed);
      await expectBookedOnce(feed);
      expect(await attemptsOf(feed)).toMatchObject([{ state: 'delivered' }]);
    },
  );

  it.each([cases[3], cases[4], cases[5]])(
    'of a job is polled again: $name',
    async ({ name: _, ...spec } = { name: '', kind: '' }) => {
      const feed = await makeFilledFeed();
      await fixture.control('POST', '/knobs', slowJobs);
      await fault({ ...spec, match: jobPoll });
      await fixture.untilCaughtUp(feed);
      await expectBookedOnce(feed);
      expect(await attemptsOf(feed)).toEqual([{ state: 'delivered', posts: 1, http_status: 200 }]);
    },
  );

  it('is resolved by read-back before the sixth POST of a key', async () => {
    const feed = await makeFilledFeed();
    await fault({ kind: 'server_error_after_effect', times: 0 });
    const posts = await fixture.posts();
    await fixture.untilCaughtUp(feed);
    expect((await fixture.posts()) - posts).toBe(5);
    await expectBookedOnce(feed);
  });
});

describe('a job', () => {
  const failed = [
    { http_status: 429, states: ['nothing_synced', 'delivered'] },
    { http_status: 452, states: ['nothing_synced', 'delivered'] },
    { http_status: 500, states: ['nothing_synced', 'delivered'] },
    { http_status: 408, states: ['nothing_synced', 'delivered'] },
  ];
  it.each(failed)(
    'that failed with $http_status without effect is sent again under a new key, with the same bytes',
    async ({ http_status, states }) => {
      const feed = await makeFilledFeed();
      await fixture.control('POST', '/knobs', slowJobs);
      const body = { error_type: 'X', error_code: 'X', error_message: 'later' };
      await fault({ kind: 'job_failure', http_status, body });
      await fixture.untilCaughtUp(feed);
      await expectBookedOnce(feed);
      expect((await attemptsOf(feed)).map((attempt) => attempt.state)).toEqual(states);
      const { requests } = (await fixture.control('GET', '/requests?limit=60')) as {
        requests: { idempotency_key: string | null; body_sha256: string; transaction_count: number | null }[];
      };
      const ours = requests.filter((request) => request.transaction_count === 3).slice(-2);
      expect(new Set(ours.map((request) => request.body_sha256)).size).toBe(1);
      expect(new Set(ours.map((request) => request.idempotency_key)).size).toBe(2);
    },
  );

  it('that failed with a 500 after its effect is found by read-back and not sent again', async () => {
    const feed = await makeFilledFeed();
    await fixture.control('POST', '/knobs', slowJobs);
    await fault({ kind: 'server_error_after_effect', recorded: true });
    const posts = await fixture.posts();
    await fixture.untilCaughtUp(feed);
    expect((await fixture.posts()) - posts).toBe(1);
    await expectBookedOnce(feed);
  });

  it('of a full batch that failed with a 500 after its effect is completed by all pages of the list', async () => {
    // A page has 500 of the thousand.
    const feed = await makeFilledFeed(1_000);
    await fixture.control('POST', '/knobs', slowJobs);
    await fault({ kind: 'server_error_after_effect', recorded: true });
    const posts = await fixture.posts();
    await fixture.untilCaughtUp(feed);
    expect((await fixture.posts()) - posts).toBe(1);
    await expectBookedOnce(feed, 1_000);
  });

  it('that failed because of another batch in flight is sent again under a new key, since its own repeats the failure', async () => {
    const feed = await makeFilledFeed();
    const body = {
      error_type: 'X',
      error_code: 'BANK_FEED_BATCH_IN_PROGRESS',
      error_message: 'one at a time',
    };
    await fault({ kind: 'job_failure', http_status: 400, body });
    await fixture.untilCaughtUp(feed);
    await expectBookedOnce(feed);
    expect((await attemptsOf(feed)).map((attempt) => attempt.state)).toEqual(['nothing_synced', 'delivered']);
  });

  it('that fails several times delays its feed and loses nothing', async () => {
    const feed = await makeFilledFeed();
    await fault({ kind: 'job_failure', http_status: 452, times: 4 });
    await fixture.untilCaughtUp(feed);
    await expectBookedOnce(feed);
  });

  const meanwhile = [
    { what: 'was paused', change: { operator: 'paused', state: 'paused' }, left: [] },
    { what: 'was disconnected in Sage', change: { account_status: 'inactive' }, left: [] },
    {
      what: 'was given a later start date',
      change: { transaction_start_date: '2026-03-01T00:01:30.000Z', start_day: '2026-03-02' },
      left: ['tx-000003'],
    },
  ];
  it.each(meanwhile)(
    'that failed with 452 is not sent again unchanged when its feed $what meanwhile',
    async ({ change, left }) => {
      const feed = await makeFilledFeed();
      const body = { error_type: 'X', error_code: 'X', error_message: 'later' };
      await fault({ kind: 'job_failure', http_status: 452, body });
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'retry_later' });
      await fixture.pool.query(
        `UPDATE postings SET booking_day = '2026-03-02' WHERE account_id = $1 AND transaction_id = 'tx-000003'`,
        [feed.accountId],
      );
      for (const [column, value] of Object.entries(change)) {
        await fixture.pool.query(`UPDATE feeds SET ${column} = $2 WHERE feed_id = $1`, [feed.feedId, value]);
      }
      await fixture.deliveryRun(feed);
      expect(await fixture.bookedIds(feed)).toEqual(left);
      const { rows } = await fixture.pool.query<{ state: string }>(
        `SELECT state FROM batches WHERE feed_id = $1 ORDER BY number`,
        [feed.feedId],
      );
      expect(rows.map((row) => row.state)).toEqual(left.length === 0 ? ['undone'] : ['undone', 'delivered']);
    },
  );

  it.each([
    { what: 'failed with 452', kind: 'job_failure', fault: { http_status: 452 }, posts: 2 },
    { what: 'was lost', kind: 'reset_before_effect', fault: {}, posts: 2 },
  ])(
    'that $what is not sent again with a posting after the last day of its account, which closed meanwhile',
    async ({ kind, fault: details, posts: expected }) => {
      const feed = await makeFilledFeed();
      await fixture.pool.query(
        `UPDATE postings SET booking_day = '2026-03-02' WHERE account_id = $1 AND transaction_id = 'tx-000003'`,
        [feed.accountId],
      );
      const posts = await fixture.posts();
      await fault({ kind, ...details });
      await fixture.deliveryRun(feed).catch(() => undefined);
      await fixture.pool.query(`UPDATE accounts SET closed_on = '2026-03-01' WHERE account_id = $1`, [
        feed.accountId,
      ]);
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 2 });
      expect(await fixture.bookedIds(feed)).toEqual(['tx-000001', 'tx-000002']);
      expect((await fixture.posts()) - posts).toBe(expected);
      expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ delivered: 2, held: 1 });
    },
  );

  it('that failed with 452 is sent again unchanged when its last posting is of the last day of its account', async () => {
    const feed = await makeFilledFeed();
    await fault({ kind: 'job_failure', http_status: 452 });
    await fixture.deliveryRun(feed);
    await fixture.pool.query(`UPDATE accounts SET closed_on = '2026-03-01' WHERE account_id = $1`, [
      feed.accountId,
    ]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 3 });
    expect((await attemptsOf(feed)).map((attempt) => attempt.state)).toEqual(['nothing_synced', 'delivered']);
  });

  it('that always fails blocks its feed after twenty attempts', async () => {
    const feed = await makeFilledFeed();
    await fault({ kind: 'job_failure', http_status: 452, times: 0 });
    for (let tries = 0; tries < 22; tries += 1) await fixture.deliveryRun(feed);
    expect(await reasonOf(feed)).toBe('attempts_exhausted');
    expect(await attemptsOf(feed)).toHaveLength(20);
  });

  it('that never ends blocks its feed after a day with one POST, and is completed by read-back when abandoned', async () => {
    const feed = await makeFilledFeed();
    await fixture.control('POST', '/knobs', slowJobs);
    await fault({ kind: 'job_never_ends' });
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'job_running', delivered: 0 });
    await fixture.pool.query(
      `UPDATE attempts SET job_seen_at = now() - interval '25 hours'
        WHERE batch_id IN (SELECT batch_id FROM batches WHERE feed_id = $1)`,
      [feed.feedId],
    );
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'waiting',
      reason: 'job_running_too_long',
    });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting' });
    expect((await fixture.posts()) - posts).toBe(1);
    await endJobsOf(feed);
    expect(
      await abandonJob(fixture.pool, { feedId: feed.feedId, reason: 'Rutter confirmed that it has stopped' }),
    ).toBe(true);
    await fixture.control('POST', '/knobs', defaultKnobs);
    await fixture.untilCaughtUp(feed);
    await expectBookedOnce(feed);
  });

  it('that was abandoned is completed by the one delivery run of a closed feed, the last of its connection', async () => {
    const feed = await makeFilledFeed();
    await fixture.control('POST', '/knobs', slowJobs);
    await fault({ kind: 'job_never_ends' });
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'job_running' });
    await fixture.control('POST', '/knobs', defaultKnobs);
    await endJobsOf(feed, {});
    await applyFeedRequest(fixture.pool, { feedId: feed.feedId, action: 'close' });
    expect(await abandonJob(fixture.pool, { feedId: feed.feedId, reason: 'it never ends' })).toBe(true);
    await fixture.addPostings(
      feed,
      postingsFrom({ from: '2026-04-01T00:00:00Z', count: 1, prefix: 'later' }),
    );
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed', delivered: 3 });
    const { rows } = await fixture.pool.query(`SELECT state FROM batches WHERE feed_id = $1`, [feed.feedId]);
    expect(rows).toEqual([{ state: 'delivered' }]);
    expect((await fixture.posts()) - posts).toBe(1);
  });

  it('that Rutter no longer knows blocks its feed, with one POST', async () => {
    const feed = await makeFilledFeed();
    await fixture.control('POST', '/knobs', slowJobs);
    const gone = { error_type: 'API_REQUEST_ERROR', error_code: 'NOT_FOUND', error_message: 'no such job' };
    await fault({ kind: 'status', http_status: 410, body: gone, match: jobPoll, times: 2 });
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', reason: 'job_lost' });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', reason: 'job_lost' });
    expect((await fixture.posts()) - posts).toBe(1);
    await fixture.untilCaughtUp(feed);
    await expectBookedOnce(feed);
  });
});

/** Ends the jobs of a feed that would never end, by default without effect, so that Rutter accepts the next batch. */
async function endJobsOf(
  feed: DeliveryFeed,
  outcome: object = { http_status: 500, body: {} },
): Promise<void> {
  const { rows } = await fixture.pool.query<{ job_id: string }>(
    `SELECT a.job_id FROM attempts a JOIN batches b USING (batch_id) WHERE b.feed_id = $1 AND a.job_id IS NOT NULL`,
    [feed.feedId],
  );
  for (const { job_id: jobId } of rows) {
    await fixture.control('POST', `/jobs/${jobId}/finish`, outcome);
  }
}

describe('an open attempt older than a day', () => {
  it.each([
    { what: 'had its effect', kind: 'hang_after_effect', posts: 1, states: ['delivered'] },
    { what: 'was lost', kind: 'hang_before_effect', posts: 2, states: ['nothing_synced', 'delivered'] },
  ])('is read back before anything is sent: it $what', async ({ kind, posts, states }) => {
    const feed = await makeFilledFeed();
    await fault({ kind });
    const before = await fixture.posts();
    await expect(fixture.deliveryRun(feed)).rejects.toThrow();
    await fixture.pool.query(
      `UPDATE attempts SET created_at = now() - interval '25 hours'
        WHERE batch_id IN (SELECT batch_id FROM batches WHERE feed_id = $1)`,
      [feed.feedId],
    );
    await fixture.untilCaughtUp(feed);
    expect((await fixture.posts()) - before).toBe(posts);
    expect((await attemptsOf(feed)).map((attempt) => attempt.state)).toEqual(states);
    await expectBookedOnce(feed);
  });
});

describe('a temporary refusal of the batch', () => {
  it('because of another one in flight is retried later with the same key', async () => {
    const feed = await makeFilledFeed();
    const body = {
      error_type: 'X',
      error_code: 'BANK_FEED_BATCH_IN_PROGRESS',
      error_message: 'one at a time',
    };
    await fault({ kind: 'status', http_status: 400, body, times: 3 });
    await fixture.untilCaughtUp(feed);
    expect(await attemptsOf(feed)).toEqual([{ state: 'delivered', posts: 4, http_status: 200 }]);
  });

  it('with 409 although our bytes never changed is retried with the same key, and reported at once', async () => {
    const feed = await makeFilledFeed();
    const body = { error_type: 'X', error_code: 'IDEMPOTENCY_CONFLICT', error_message: 'other body' };
    await fault({ kind: 'status', http_status: 409, body, times: 3 });
    await expect(fixture.deliveryRun(feed)).rejects.toMatchObject({ type: 'Unexpected' });
    expect(await reasonOf(feed)).toBe('conflict_with_provider');
    await fixture.untilCaughtUp(feed);
    expect(await attemptsOf(feed)).toEqual([{ state: 'delivered', posts: 4, http_status: 200 }]);
    expect(await reasonOf(feed)).toBeNull();
  });

  it.each(['2', '-1', '1000000000', new Date(Date.now() + 86_400_000).toUTCString(), undefined])(
    'with 429 and Retry-After %s waits no longer than the limit and uses the same key',
    async (retryAfter) => {
      const feed = await makeFilledFeed();
      await fault({ kind: 'rate_limited', ...(retryAfter === undefined ? {} : { retry_after: retryAfter }) });
      const slowedMs: number[] = [];
      const rutter = fixture.clientOf({
        acquire: () => Promise.resolve(),
        slowDown: ({ forMs }) => Promise.resolve(void slowedMs.push(forMs)),
      });
      await expect(fixture.deliveryRun(feed, { deps: { ...fixture.deps, rutter } })).rejects.toThrow('429');
      expect(slowedMs).toHaveLength(1);
      expect(slowedMs[0]).toBeGreaterThan(0);
      expect(slowedMs[0]).toBeLessThanOrEqual(retryAfterMaxMs);
      await fixture.untilCaughtUp(feed);
      expect(await attemptsOf(feed)).toMatchObject([{ state: 'delivered', posts: 2 }]);
    },
  );
});

describe('a success', () => {
  it('whose list is incomplete delivers what it names and sends the gap, without read-back', async () => {
    const feed = await makeFilledFeed(10);
    await fault({ kind: 'omit_from_answer', transaction_ids: ['tx-000003', 'tx-000007'] });
    await fixture.untilCaughtUp(feed);
    const booked = await fixture.bookedIds(feed);
    expect(booked.slice(8)).toEqual(['tx-000003', 'tx-000007']);
    const { requests } = (await fixture.control('GET', '/requests?limit=4')) as {
      requests: { method: string }[];
    };
    // The list is read after the delivery alone, for what Sage has taken.
    expect(requests.slice(-3).map((request) => request.method)).toEqual(['POST', 'POST', 'GET']);
  });

  it('that marks our own content as a duplicate is a delivery; other content is a conflict', async () => {
    const feed = await makeFilledFeed(3);
    const row = await readFeed(fixture.pool, feed);
    if (row === null) throw new Error('no feed');
    const known = { sequence: '1', transactionType: 'debit', payee: null };
    const postings = [
      {
        ...known,
        transactionId: 'tx-000001',
        postedAt: startDate,
        sendAt: startDate,
        amount: '-12.50',
        description: 'Posting tx-000001',
      },
      {
        ...known,
        transactionId: 'tx-000002',
        postedAt: startDate,
        sendAt: startDate,
        amount: '-99.00',
        description: 'Another',
      },
    ];
    await fixture.deps.rutter.postTransactions({
      accessToken: openAccessToken(fixture.deps.keyring, row),
      idempotencyKey: randomUUID(),
      body: serializeBatch({ rutterAccountId: feed.rutterAccountId, postings }).body,
    });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 2 });
    const { rows } = await fixture.pool.query(
      `SELECT transaction_id, exception, detail FROM ledger WHERE feed_id = $1 AND exception IS NOT NULL ORDER BY 1`,
      [feed.feedId],
    );
    expect(rows).toEqual([
      { transaction_id: 'tx-000001', exception: 'duplicate', detail: null },
      {
        transaction_id: 'tx-000002',
        exception: 'conflict',
        detail: 'at Rutter with other posted_at, amount, description',
      },
    ]);
    const book = await fixture.book(feed);
    expect(book.find((line) => line.transaction_id === 'tx-000002')?.amount).toBe(-99);
    // The transactions existed before; the violation is that our batch contains one with other content.
    await fixture.control('DELETE', '/violations');
  });
});
