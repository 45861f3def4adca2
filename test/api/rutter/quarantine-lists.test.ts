import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApi, transaction, type ApiFixture } from '../machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());
beforeEach(() => {
  api.facade.calls.length = 0;
});

/** A live feed of an account with postings of these ids, all ready. */
async function feedWith(...ids: string[]): Promise<string> {
  const account = await api.makeAccount();
  const feedId = await api.makeFeed({
    ...account,
    account_status: 'active',
    state: 'live',
    transaction_start_date: '2026-01-01T00:00:00Z',
  });
  const answer = await api.call('POST', `/v1/accounts/${account.accountId}/transactions`, {
    json: { transactions: ids.map((id) => transaction(id)) },
  });
  expect(answer.body['accepted']).toBe(ids.length);
  return feedId;
}

/** The posting in a batch that ended with this code, as delivery leaves it in the rows. */
async function refuse(feedId: string, { id, code }: { id: string; code: string }): Promise<void> {
  const batchId = randomUUID();
  const isConflict = code === 'conflict';
  await api.rows(
    `INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash, first_posted_at,
                          last_posted_at, state)
     SELECT $1::uuid, feed_id, connection_id, $1::uuid::text, 1, 1, 'hash', now(), now(), $3 FROM feeds
      WHERE feed_id = $2`,
    [batchId, feedId, isConflict ? 'delivered' : 'refused'],
  );
  await api.rows(
    `INSERT INTO attempts (idempotency_key, batch_id, number, state, error_code)
     VALUES (gen_random_uuid(), $1, 1, $2, $3)`,
    [batchId, isConflict ? 'delivered' : 'nothing_synced', isConflict ? null : code],
  );
  await api.rows(
    `INSERT INTO ledger (feed_id, transaction_id, batch_id, position, exception) VALUES ($1, $2, $3, 0, $4)`,
    [feedId, id, batchId, isConflict ? 'conflict' : 'quarantined'],
  );
}

const decide = (feedId: string, action: string, json: unknown, role: 'core' | 'ops' = 'ops') =>
  api.call('POST', `/v1/feeds/${feedId}/quarantine/${action}`, { role, json });
const holdOne = (feedId: string, id: string) =>
  api.call('POST', `/v1/feeds/${feedId}/quarantine/${encodeURIComponent(id)}/hold`, {
    role: 'ops',
    json: { reason: 'asked the customer' },
  });
const counts = async (feedId: string) =>
  (await api.call('GET', `/v1/feeds/${feedId}`, { role: 'ops' })).body['counts'] as Record<string, number>;
const reason = 'checked with the branch';

describe('many postings at once', () => {
  it('are held, released and discarded; each answer has exact counts, and the feed is signalled', async () => {
    const feedId = await feedWith('a', 'b', 'c');
    const held = await decide(feedId, 'hold', { transaction_ids: ['a', 'b', 'b'], reason });
    expect([held.status, held.body]).toEqual([
      200,
      { changed: 2, repeated: 0, refused: [], refused_total: 0, waits_for: null, has_more: false },
    ]);
    expect(await counts(feedId)).toMatchObject({ held: 2, ready: 1 });
    const listed = await api.call('GET', `/v1/feeds/${feedId}/transactions?delivery_status=held`, {
      role: 'ops',
    });
    expect(listed.body['transactions']).toMatchObject([
      { transaction_id: 'b', hold_reason: 'operator', possible_duplicate_of: null },
      { transaction_id: 'a', hold_reason: 'operator' },
    ]);
    expect((await decide(feedId, 'release', { transaction_ids: ['a'], reason })).body['changed']).toBe(1);
    expect((await decide(feedId, 'discard', { transaction_ids: ['b'], reason })).body['changed']).toBe(1);
    expect(await counts(feedId)).toMatchObject({ held: 0, ready: 2, discarded: 1 });
    expect(api.facade.calls.filter(({ name }) => name === 'feedFactsChanged')).toHaveLength(3);
  });

  it('with ids that a path cannot carry are decided through the body', async () => {
    const ids = ['.', '..', 'a/b', '%2e', 'ü', '?', '#'];
    const feedId = await feedWith(...ids);
    expect((await decide(feedId, 'hold', { transaction_ids: ids, reason })).body['changed']).toBe(ids.length);
    const released = await decide(feedId, 'release', { transaction_ids: ['.', 'a/b'], reason });
    expect(released.body['changed']).toBe(2);
    const discarded = await decide(feedId, 'discard', { transaction_ids: ['..', '%2e'], reason });
    expect(discarded.body['changed']).toBe(2);
    expect(await counts(feedId)).toMatchObject({ held: ids.length - 4, ready: 2, discarded: 2 });
  });

  it('of one cause are decided by its code, and those of other causes stay', async () => {
    const feedId = await feedWith('a', 'b', 'c');
    await decide(feedId, 'hold', { transaction_ids: ['a', 'b'], reason });
    const all = await decide(feedId, 'discard', { all_of_code: 'operator', reason });
    expect([all.status, all.body['changed']]).toEqual([200, 2]);
    expect(await counts(feedId)).toMatchObject({ held: 0, ready: 1, discarded: 2 });
  });

  it('of a code that none has had are 422 at that field, and nothing is signalled', async () => {
    const feedId = await feedWith('a');
    await decide(feedId, 'hold', { transaction_ids: ['a'], reason });
    api.facade.calls.length = 0;
    for (const code of ['possible_duplicate', 'conflict', 'operators', 'INVALID_AMOUNT', 'account_closed']) {
      const answer = await decide(feedId, 'release', { all_of_code: code, reason });
      expect([answer.status, answer.body]).toMatchObject([
        422,
        {
          code: 'invalid_body',
          errors: [
            { pointer: '/all_of_code', message: expect.stringContaining('no waiting posting of the feed') },
          ],
        },
      ]);
    }
    expect(api.facade.calls).toEqual([]);
    expect(await counts(feedId)).toMatchObject({ held: 1 });
  });

  it.each(['release', 'discard'])(
    'of one cause are decided once: a repeated %s changes nothing',
    async (action) => {
      const feedId = await feedWith('a');
      await decide(feedId, 'hold', { transaction_ids: ['a'], reason });
      const body = { all_of_code: 'operator', reason };
      expect((await decide(feedId, action, body)).body).toMatchObject({ changed: 1 });
      const again = await decide(feedId, action, body);
      expect([again.status, again.body]).toMatchObject([200, { changed: 0, refused_total: 0 }]);
    },
  );

  it.each(['conflict', 'INVALID_AMOUNT'])(
    'that Rutter refused with the code %s are decided once, too',
    async (code) => {
      const feedId = await feedWith('a');
      await refuse(feedId, { id: 'a', code });
      const body = { all_of_code: code, reason };
      expect((await decide(feedId, 'discard', body)).body).toMatchObject({ changed: 1 });
      const again = await decide(feedId, 'discard', body);
      expect([again.status, again.body]).toMatchObject([200, { changed: 0 }]);
    },
  );

  it('of which some cannot be decided are decided as far as possible, and the others are named', async () => {
    const feedId = await feedWith('a', 'b');
    await decide(feedId, 'hold', { transaction_ids: ['a'], reason });
    const answer = await decide(feedId, 'release', { transaction_ids: ['a', 'b', 'nobody'], reason });
    expect([answer.status, answer.body]).toMatchObject([
      200,
      {
        changed: 1,
        refused_total: 2,
        refused: [
          {
            transaction_id: 'b',
            code: 'wrong_delivery_status',
            delivery_status: 'ready',
            allowed_actions: ['hold'],
            reason: 'a transaction with the delivery status ready does not allow release: hold it first',
          },
          { transaction_id: 'nobody', code: 'unknown_transaction', delivery_status: null },
        ],
      },
    ]);
    const again = await decide(feedId, 'release', { transaction_ids: ['a'], reason });
    expect(again.body).toMatchObject({ changed: 0, repeated: 1 });
  });

  it('none of which can be decided are 409 with the same lists', async () => {
    const feedId = await feedWith('a');
    const answer = await decide(feedId, 'discard', { transaction_ids: ['a', 'nobody'], reason });
    expect([answer.status, answer.body]).toMatchObject([
      409,
      { code: 'nothing_decided', changed: 0, refused_total: 2 },
    ]);
    expect(await counts(feedId)).toMatchObject({ ready: 1 });
  });

  it.each([
    ['release', {}, 422],
    ['release', { reason }, 422],
    ['release', { transaction_ids: ['a'] }, 422],
    ['release', { transaction_ids: [], reason }, 422],
    ['release', { transaction_ids: ['a'], all_of_code: 'x', reason }, 422],
    ['release', { transaction_ids: 'a', reason }, 422],
    ['release', { transaction_ids: [' a'], reason }, 422],
    ['release', { transaction_ids: ['a'], transaction: { amount: '1' }, reason }, 422],
    ['hold', { all_of_code: 'operator', reason }, 422],
    ['hold', { transaction_ids: Array.from({ length: 1_001 }, (_, index) => String(index)), reason }, 422],
    ['sell', { transaction_ids: ['a'], reason }, 404],
  ])('are not decided with %s %j: %i', async (action, body, status) => {
    const feedId = await feedWith('a');
    expect((await decide(feedId, action, body)).status).toBe(status);
    expect(await counts(feedId)).toMatchObject({ ready: 1 });
  });

  it('are decided by a thousand of the longest ids in one call, and by operators alone', async () => {
    const ids = Array.from(
      { length: 1_000 },
      (_, index) => String(index).padStart(4, '0') + '漢'.repeat(251),
    );
    const feedId = await feedWith(...ids);
    const answer = await decide(feedId, 'hold', { transaction_ids: ids, reason });
    expect([answer.status, answer.body['changed']]).toEqual([200, 1_000]);
    expect((await decide(feedId, 'release', { all_of_code: 'operator', reason }, 'core')).status).toBe(403);
    const released = await decide(feedId, 'release', { all_of_code: 'operator', reason });
    expect(released.body).toMatchObject({ changed: 1_000, waits_for: null, has_more: false });
  });

  it('of a closed or an unknown feed are 409 and 404', async () => {
    const feedId = await feedWith('a');
    await api.pool.query(`UPDATE feeds SET operator = 'closed', state = 'closed' WHERE feed_id = $1`, [
      feedId,
    ]);
    const body = { transaction_ids: ['a'], reason };
    expect((await decide(feedId, 'hold', body)).body).toMatchObject({ status: 409, code: 'wrong_state' });
    const unknown = '00000000-0000-4000-8000-000000000000';
    expect((await decide(unknown, 'hold', body)).status).toBe(404);
  });
});

describe('one posting', () => {
  it('is held by its path, once, and the answer and the timeline show it', async () => {
    const feedId = await feedWith('a');
    const answer = await holdOne(feedId, 'a');
    expect([answer.status, answer.body]).toMatchObject([
      200,
      { transaction_id: 'a', delivery_status: 'held', hold_reason: 'operator' },
    ]);
    expect((await holdOne(feedId, 'a')).status).toBe(200);
    const timeline = await api.call('GET', `/v1/feeds/${feedId}/timeline`, { role: 'ops' });
    expect(timeline.body['timeline']).toMatchObject([
      { kind: 'posting_held', detail: { transaction_id: 'a', reason: 'asked the customer' } },
    ]);
  });

  it('that does not exist is 404', async () => {
    expect((await holdOne(await feedWith('a'), 'b')).status).toBe(404);
  });
});
