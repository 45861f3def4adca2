import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  TRANSACTIONS,
  batch,
  bookedIds,
  makeReadyFeed,
  startSession,
  transaction,
  type ReadyFeed,
  type Session,
} from './session.js';

let session: Session;
let feed: ReadyFeed;
beforeEach(async () => {
  session = await startSession({ accountJobRunMs: 0 });
  feed = await makeReadyFeed(session);
});
afterEach(() => session.close());

const send = (more: Record<string, unknown> = {}) =>
  session.call('POST', TRANSACTIONS, {
    token: feed.token,
    body: batch(feed.accountId, [transaction(1)], more),
  });
const advance = (ms: number) => session.control('POST', '/clock', { advance_ms: ms });

describe("Rutter's jobs", () => {
  it('give the same result as the synchronous answer, without the token', async () => {
    const reply = await send({ response_mode: 'prefer_sync' });
    const id = reply.headers.get('x-rutter-job-id') ?? '';
    const job = await session.call('GET', `/jobs/${id}`);
    expect(job.body).toMatchObject({
      id,
      status: 'success',
      response: { http_status: 200, body: reply.body },
    });
    expect(job.body.request).toMatchObject({
      method: 'POST',
      idempotency_key: expect.any(String) as unknown,
    });
    expect(job.text).not.toContain(feed.token);
  });

  it('answer at once in async mode and go from prequeued over pending to success', async () => {
    await session.control('POST', '/knobs', { jobRunMs: 600_000 });
    const reply = await send({ response_mode: 'async' });
    const { id, status, response_url: url } = reply.body.async_response;
    expect(reply.status).toBe(200);
    expect([status, url]).toEqual(['prequeued', `${session.url}/versioned/jobs/${id}`]);
    const read = async () => (await session.call('GET', `/jobs/${id}`)).body.status;
    await advance(300_000);
    expect(await read()).toBe('pending');
    expect(await bookedIds(session, feed.accountId)).toEqual([]);
    await advance(300_000);
    await expect.poll(read).toBe('success');
    expect(await bookedIds(session, feed.accountId)).toEqual(['tx-1']);
  });

  it('are waited for up to thirty seconds in prefer_sync mode, then answer async_response', async () => {
    await session.control('POST', '/knobs', { jobRunMs: 45_000 });
    const pending = send();
    await expect.poll(async () => (await session.control('GET', '/jobs')).body.jobs.length).toBe(3);
    await advance(30_000);
    expect((await pending).body.async_response.status).toBe('pending');
    await advance(15_000);
    await expect.poll(() => bookedIds(session, feed.accountId)).toEqual(['tx-1']);
  });

  it('inside the window answer the result itself', async () => {
    await session.control('POST', '/knobs', { jobRunMs: 29_000 });
    const pending = send();
    await expect.poll(async () => (await session.control('GET', '/jobs')).body.jobs.length).toBe(3);
    await advance(29_000);
    expect((await pending).body.bank_feed_transactions).toHaveLength(1);
  });

  it('expire after thirty days', async () => {
    const id = (await send()).headers.get('x-rutter-job-id') ?? '';
    await advance(30 * 24 * 3_600_000 + 1);
    expect((await session.call('GET', `/jobs/${id}`)).status).toBe(410);
  });

  it('polled with an access token are answered, and recorded as a violation', async () => {
    const id = (await send()).headers.get('x-rutter-job-id') ?? '';
    expect((await session.call('GET', `/jobs/${id}`, { token: feed.token })).status).toBe(200);
    expect(await session.violations()).toEqual(['job_poll_with_access_token']);
  });

  it('refuse an unknown response mode', async () => {
    expect((await send({ response_mode: 'sync' })).status).toBe(400);
  });
});
