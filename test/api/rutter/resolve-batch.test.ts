import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reviewAlerts } from '../../../src/db/alerts.js';
import { dbChannels } from '../../../src/db/channels.js';
import { recordUnlinked } from '../../../src/db/rutter/unlink-connection.js';
import { startApi, transaction, type ApiFixture } from '../machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());
beforeEach(() => {
  api.facade.calls.length = 0;
  api.facade.onCall = () => Promise.resolve();
});

/** A feed with two postings in an open batch; its connection is unlinked unless the test says otherwise. */
async function feedWithOpenBatch({ unlinked = true } = {}): Promise<string> {
  const account = await api.makeAccount();
  const feedId = await api.makeFeed({
    ...account,
    account_status: 'active',
    state: 'live',
    transaction_start_date: '2026-01-01T00:00:00Z',
  });
  await api.call('POST', `/v1/accounts/${account.accountId}/transactions`, {
    json: { transactions: [transaction('a'), transaction('b')] },
  });
  const batchId = randomUUID();
  const [row] = await api.rows<{ connection_id: string }>(
    `INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash, first_posted_at,
                          last_posted_at)
     SELECT $1, feed_id, connection_id, connection_id::text, 1, 2, 'hash', now(), now() FROM feeds WHERE feed_id = $2
     RETURNING connection_id`,
    [batchId, feedId],
  );
  await api.pool.query(
    `INSERT INTO attempts (idempotency_key, batch_id, number, posts, outcome_unknown) VALUES ($1, $2, 1, 1, true)`,
    [randomUUID(), batchId],
  );
  await api.pool.query(
    `INSERT INTO ledger (feed_id, transaction_id, batch_id, position)
     SELECT $1, id, $2, n - 1 FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY AS t (id, n)`,
    [feedId, batchId],
  );
  if (unlinked) {
    await recordUnlinked(api.pool, {
      connectionId: row?.connection_id ?? '',
      wasGone: false,
      feedInFlight: feedId,
    });
  }
  return feedId;
}

const resolve = (feedId: string, outcome: string, reason = 'seen in Sage with the customer') =>
  api.call('POST', `/v1/feeds/${feedId}/resolve-batch`, { role: 'ops', json: { outcome, reason } });

/** The open alerts of the feed after a review. */
async function alertsOf(feedId: string): Promise<unknown[]> {
  await reviewAlerts(api.pool, dbChannels, {
    feedSyncIntervalMs: 86_400_000,
    configuredChannels: ['rutter'],
  });
  return await api.rows(
    `SELECT code, detail ->> 'count' AS count FROM alerts WHERE feed_id = $1 AND ended_at IS NULL`,
    [feedId],
  );
}

const batchesOf = async (feedId: string) =>
  (await api.call('GET', `/v1/feeds/${feedId}/batches`, { role: 'ops' })).body['batches'];

describe('a batch whose connection is gone before its outcome was known', () => {
  it('stays batched with an alert until an operator has found it in Sage: then it is delivered', async () => {
    const feedId = await feedWithOpenBatch();
    const feed = await api.call('GET', `/v1/feeds/${feedId}`, { role: 'ops' });
    expect(feed.body).toMatchObject({
      counts: { batched: 2 },
      allowed_actions: ['close', 'resolve-batch'],
    });
    expect(await alertsOf(feedId)).toEqual([{ code: 'batch_undecided', count: '2' }]);
    const answer = await resolve(feedId, 'delivered');
    expect([answer.status, answer.body]).toMatchObject([
      200,
      { counts: { batched: 0, delivered: 2 }, allowed_actions: ['close'] },
    ]);
    expect(await batchesOf(feedId)).toMatchObject([
      { state: 'delivered', delivered_count: 2, evidence: 'operator', attempts: [{ state: 'delivered' }] },
    ]);
    const [entry] = await api.rows(
      `SELECT kind, detail FROM timeline WHERE feed_id = $1 ORDER BY entry_id DESC`,
      [feedId],
    );
    expect(entry).toEqual({
      kind: 'batch_resolved',
      detail: { number: 1, size: 2, outcome: 'delivered', reason: 'seen in Sage with the customer' },
    });
    expect(await alertsOf(feedId)).toEqual([]);
  });

  it('is undone when Sage has none of it, and its postings are held as those of a closed feed', async () => {
    const feedId = await feedWithOpenBatch();
    const answer = await resolve(feedId, 'not_delivered');
    expect(answer.body).toMatchObject({ counts: { batched: 0, delivered: 0, held: 2 } });
    const page = await api.call('GET', `/v1/feeds/${feedId}/transactions`, { role: 'ops' });
    expect(page.body['transactions']).toMatchObject([
      { hold_reason: 'feed_closed' },
      { hold_reason: 'feed_closed' },
    ]);
    expect(await batchesOf(feedId)).toMatchObject([
      { state: 'undone', evidence: 'operator', attempts: [{ state: 'nothing_synced' }] },
    ]);
  });

  it('is decided once: a repeat changes nothing, and the other decision is 409', async () => {
    const feedId = await feedWithOpenBatch();
    const answers = await Promise.all([1, 2, 3].map(() => resolve(feedId, 'delivered')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const other = await resolve(feedId, 'not_delivered');
    expect([other.status, other.body.code]).toEqual([409, 'wrong_state']);
    const entries = await api.rows(`SELECT 1 FROM timeline WHERE feed_id = $1 AND kind = 'batch_resolved'`, [
      feedId,
    ]);
    expect(entries).toHaveLength(1);
  });

  it('is not decided while its connection exists, whose list tells the outcome', async () => {
    const feedId = await feedWithOpenBatch({ unlinked: false });
    for (const outcome of ['delivered', 'not_delivered']) {
      const answer = await resolve(feedId, outcome);
      expect([answer.status, answer.body.code]).toEqual([409, 'wrong_state']);
      expect(answer.body.detail).toContain('no batch to decide on');
    }
    expect(await alertsOf(feedId)).toEqual([]);
    expect(await batchesOf(feedId)).toMatchObject([{ state: 'open' }]);
  });

  it('needs one of the two outcomes and a reason, and the role of operators', async () => {
    const feedId = await feedWithOpenBatch();
    expect((await resolve(feedId, 'lost')).status).toBe(422);
    expect((await resolve(feedId, 'delivered', '')).status).toBe(422);
    const json = { outcome: 'delivered', reason: 'x' };
    expect((await api.call('POST', `/v1/feeds/${feedId}/resolve-batch`, { json })).status).toBe(403);
    expect((await resolve(randomUUID(), 'delivered')).status).toBe(404);
  });
});
