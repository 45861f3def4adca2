import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, transaction, type ApiFixture } from '../machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

const get = (path: string) => api.call('GET', path, { role: 'ops' });
const send = (accountId: string, ...transactions: unknown[]) =>
  api.call('POST', `/v1/accounts/${accountId}/transactions`, { json: { transactions } });

describe('a conflict with what core banking sent before', () => {
  it('shows both versions, why, and how often it came, newest first and page by page', async () => {
    const { accountId } = await api.makeAccount();
    await send(accountId, transaction('a'), transaction('b'), transaction('v', { status: 'void' }));
    for (let times = 0; times < 3; times += 1) await send(accountId, transaction('a', { amount: '-13' }));
    await send(accountId, transaction('a', { status: 'pending' }));
    await send(accountId, transaction('v', { payee: 'Late' }));
    const { body } = await get(`/v1/accounts/${accountId}/conflicts`);
    expect(body.conflicts).toMatchObject([
      {
        transaction_id: 'v',
        code: 'already_void',
        times: 1,
        stored: { status: 'void' },
        received: { payee: 'Late' },
      },
      { transaction_id: 'a', code: 'already_posted', received: { status: 'pending', amount: '-12.5' } },
      {
        transaction_id: 'a',
        code: 'other_content',
        reason: expect.stringContaining('nothing was overwritten') as string,
        times: 3,
        stored: {
          transaction_id: 'a',
          amount: '-12.5',
          posted_at: '2026-02-03T09:14:07.000Z',
          status: 'posted',
        },
        received: {
          transaction_id: 'a',
          amount: '-13',
          posted_at: '2026-02-03T09:14:07.000Z',
          status: 'posted',
        },
      },
    ]);
    const paged: unknown[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null && pages < 5; pages += 1) {
      const page = await get(
        `/v1/accounts/${accountId}/conflicts?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      paged.push(...(page.body.conflicts as unknown[]));
      cursor = page.body.next_cursor;
    }
    expect(paged).toEqual(body.conflicts);
    expect((await get(`/v1/accounts/${accountId}/conflicts?transaction_id=v`)).body.conflicts).toHaveLength(
      1,
    );
  });

  it('is none for a repeat, and none of another account with the same ids', async () => {
    const [one, other] = [await api.makeAccount(), await api.makeAccount()];
    await send(one.accountId, transaction('a'));
    await send(one.accountId, transaction('a', { amount: '-12.500' }));
    await send(other.accountId, transaction('a', { amount: '1' }));
    for (const { accountId } of [one, other]) {
      expect((await get(`/v1/accounts/${accountId}/conflicts`)).body.conflicts).toEqual([]);
    }
  });

  it('is for operators, of an account that exists, with a cursor of this list', async () => {
    const { accountId } = await api.makeAccount();
    expect((await api.call('GET', `/v1/accounts/${accountId}/conflicts`)).status).toBe(403);
    expect((await get(`/v1/accounts/${randomUUID()}/conflicts`)).status).toBe(404);
    expect((await get(`/v1/accounts/${accountId}/conflicts?cursor=x`)).status).toBe(400);
  });
});

describe('a conflict at Rutter', () => {
  it("shows our version and what differs, until it is discarded; core banking's own conflicts are not among them", async () => {
    const account = await api.makeAccount();
    const feedId = await api.makeFeed({ ...account, account_status: 'active', state: 'live' });
    await send(account.accountId, transaction('a'), transaction('b'), transaction('c'));
    await send(account.accountId, transaction('c', { amount: '1' }));
    const batchId = randomUUID();
    await api.pool.query(
      `INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash, first_posted_at,
                            last_posted_at, state, completed_at)
       SELECT $1, feed_id, connection_id, 'lock', 1, 3, 'hash', now(), now(), 'delivered', now()
         FROM feeds WHERE feed_id = $2`,
      [batchId, feedId],
    );
    await api.pool.query(
      `INSERT INTO ledger (feed_id, transaction_id, batch_id, position, exception, detail)
       VALUES ($1, 'a', $2, 0, 'conflict', 'at Rutter with other amount'), ($1, 'b', $2, 1, 'conflict', NULL),
              ($1, 'c', $2, 2, NULL, NULL)`,
      [feedId, batchId],
    );
    const { body } = await get(`/v1/feeds/${feedId}/conflicts`);
    expect(body.conflicts).toMatchObject([
      { transaction: { transaction_id: 'b' }, difference: null, batch_number: 1 },
      { transaction: { transaction_id: 'a', amount: '-12.5' }, difference: 'at Rutter with other amount' },
    ]);
    const first = await get(`/v1/feeds/${feedId}/conflicts?limit=1`);
    const rest = await get(`/v1/feeds/${feedId}/conflicts?cursor=${first.body.next_cursor ?? ''}`);
    expect([...first.body.conflicts, ...rest.body.conflicts]).toEqual(body.conflicts);
    await api.call('POST', `/v1/feeds/${feedId}/quarantine/a/discard`, {
      role: 'ops',
      json: { reason: 'seen' },
    });
    expect((await get(`/v1/feeds/${feedId}/conflicts`)).body.conflicts).toHaveLength(1);
    expect((await get(`/v1/feeds/${randomUUID()}/conflicts`)).status).toBe(404);
  });
});

describe('a correction', () => {
  it('is linked with what it corrects, in both directions, and found by its id', async () => {
    const account = await api.makeAccount();
    const feedId = await api.makeFeed(account);
    await send(
      account.accountId,
      transaction('wrong'),
      transaction('right', { corrects: 'wrong', amount: '-12.40' }),
      transaction('righter', { corrects: 'wrong', amount: '-12.30' }),
      transaction('other', { corrects: 'not here yet' }),
    );
    const find = async (id: string) =>
      (await get(`/v1/feeds/${feedId}/transactions?transaction_id=${encodeURIComponent(id)}`)).body[
        'transactions'
      ];
    expect(await find('wrong')).toMatchObject([{ corrects: null, corrected_by: ['right', 'righter'] }]);
    expect(await find('right')).toMatchObject([{ corrects: 'wrong', corrected_by: [], amount: '-12.4' }]);
    expect(await find('other')).toMatchObject([{ corrects: 'not here yet' }]);
    expect(await find('not here yet')).toEqual([]);
    expect(
      (await get(`/v1/feeds/${feedId}/transactions?transaction_id=wrong&delivery_status=delivered`)).body,
    ).toEqual({
      transactions: [],
      next_cursor: null,
    });
    const { counts } = (await get(`/v1/feeds/${feedId}`)).body;
    expect(counts).toMatchObject({ ready: 4 });
  });
});

describe('the list of alerts', () => {
  it('shows open alerts, newest first; ended ones on request only; by code and feed; page by page', async () => {
    const feedId = randomUUID();
    await api.pool.query(
      `INSERT INTO alerts (code, subject, feed_id, detail, ended_at) VALUES
         ('feed_blocked', $1, $2, '{"reason":"job_lost"}', NULL), ('feed_late', $1, $2, '{}', NULL),
         ('credentials_rejected', 'service', NULL, '{}', NULL), ('feed_late', 'x', NULL, '{}', now())`,
      [feedId, feedId],
    );
    const open = (await get('/v1/alerts')).body['alerts'] as Record<string, unknown>[];
    expect(open.map(({ code }) => code)).toEqual(['credentials_rejected', 'feed_late', 'feed_blocked']);
    expect(open[2]).toMatchObject({
      subject: feedId,
      feed_id: feedId,
      detail: { reason: 'job_lost' },
      ended_at: null,
    });
    const count = async (query: string) =>
      ((await get(`/v1/alerts?${query}`)).body['alerts'] as unknown[]).length;
    expect(await count('all=true')).toBe(4);
    expect(await count('all=false')).toBe(3);
    expect(await count(`feed_id=${feedId}`)).toBe(2);
    expect(await count('code=feed_late&all=true')).toBe(2);
    const first = await get('/v1/alerts?limit=2');
    expect((await get(`/v1/alerts?cursor=${first.body.next_cursor ?? ''}`)).body['alerts']).toEqual([
      open[2],
    ]);
    for (const query of ['all=yes', 'code=unknown', 'feed_id=x', 'cursor=x', 'open=true']) {
      expect((await get(`/v1/alerts?${query}`)).status).toBe(400);
    }
    expect((await api.call('GET', '/v1/alerts')).status).toBe(403);
  });
});
