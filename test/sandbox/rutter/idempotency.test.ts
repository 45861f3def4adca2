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

const send = (key: string | null, numbers: number[], more: Record<string, unknown> = {}) => {
  const body = batch(
    feed.accountId,
    numbers.map((number) => transaction(number)),
    more,
  );
  return session.call('POST', TRANSACTIONS, { token: feed.token, body, key });
};

describe("Rutter's idempotency keys", () => {
  it('replay an accepted success: one job, one booking, the same answer', async () => {
    const first = await send('k', [1, 2]);
    const second = await send('k', [1, 2]);
    expect(second.text).toBe(first.text);
    expect(second.headers.get('x-rutter-job-id')).toBe(first.headers.get('x-rutter-job-id'));
    expect(await bookedIds(session, feed.accountId)).toEqual(['tx-1', 'tx-2']);
    const { body } = await session.control('GET', '/counters');
    expect(body).toMatchObject({
      transaction_posts: 2,
      transaction_posts_accepted: 1,
      transaction_posts_replayed: 1,
    });
  });

  it('replay an accepted failure until the key changes', async () => {
    await session.control('POST', '/faults', { kind: 'job_failure', http_status: 450 });
    expect((await send('k', [1])).status).toBe(450);
    expect((await send('k', [1])).status).toBe(450);
    expect((await send('k2', [1])).status).toBe(200);
  });

  it('refuse another body with 409 and record it', async () => {
    await send('k', [1]);
    const refused = await send('k', [2]);
    expect(refused.status).toBe(409);
    expect(refused.body.error_code).toBe('IDEMPOTENCY_CONFLICT');
    expect(await session.violations()).toEqual(['idempotency_key_reused']);
  });

  it('store nothing for a request that was not accepted', async () => {
    await session.control('POST', `/accounts/${feed.accountId}/disconnect`, {});
    expect((await send('k', [1])).status).toBe(400);
    await session.control('POST', `/accounts/${feed.accountId}/select`, {
      transaction_start_date: '2026-01-01T00:00:00Z',
    });
    expect((await send('k', [1, 2])).status).toBe(200);
  });

  it('answer async_response with the current status while the first still runs', async () => {
    await session.control('POST', '/knobs', { jobRunMs: 600_000 });
    const first = await send('k', [1], { response_mode: 'async' });
    await session.control('POST', '/clock', { advance_ms: 500_000 });
    const second = await send('k', [1], { response_mode: 'async' });
    expect(second.body.async_response).toMatchObject({ id: first.body.async_response.id, status: 'pending' });
    expect(await session.violations()).toEqual([]);
  });

  it('hold per connection: another one may use the same key', async () => {
    await send('k', [1]);
    const other = await makeReadyFeed(session);
    const body = batch(other.accountId, [transaction(1)]);
    const reply = await session.call('POST', TRANSACTIONS, { token: other.token, body, key: 'k' });
    expect(reply.status).toBe(200);
  });

  it('expire after thirty days', async () => {
    await send('k', [1]);
    await session.control('POST', '/clock', { advance_ms: 30 * 24 * 3_600_000 + 1 });
    expect((await send('k', [2])).status).toBe(200);
  });

  it('missing on a batch are recorded as a violation', async () => {
    expect((await send(null, [1])).status).toBe(200);
    expect(await session.violations()).toEqual(['missing_idempotency_key']);
  });
});
