import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { channels } from '../../src/domain/channels.js';
import { feedStates } from '../../src/domain/feed.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WorkflowsUnavailable } from '../../src/temporal/calls.js';
import { startApi, transaction, type ApiFixture } from './machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());
beforeEach(() => {
  api.facade.calls.length = 0;
  api.facade.onCall = () => Promise.resolve();
});

const get = (path: string) => api.call('GET', path, { role: 'ops' });
const ask = (feedId: string, action: string) =>
  api.call('POST', `/v1/feeds/${feedId}/${action}`, { role: 'ops' });
const send = (accountId: string, transactions: unknown[]) =>
  api.call('POST', `/v1/accounts/${accountId}/transactions`, { json: { transactions } });

/** Cuts postings into a batch in the rows, as delivery does. */
async function makeBatch(feedId: string, number: number, state: string, ids: readonly string[]) {
  const batchId = randomUUID();
  await api.pool.query(
    `INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash, first_posted_at,
                          last_posted_at, state)
     SELECT $1::uuid, feed_id, connection_id, $1::uuid::text, $3, $4, 'hash', now(), now(), $5 FROM feeds WHERE feed_id = $2`,
    [batchId, feedId, number, ids.length, state],
  );
  await api.pool.query(
    `INSERT INTO attempts (idempotency_key, batch_id, number, state) VALUES (gen_random_uuid(), $1, 1, 'delivered')`,
    [batchId],
  );
  await api.pool.query(
    `INSERT INTO ledger (feed_id, transaction_id, batch_id, position)
     SELECT $1, id, $2, n - 1 FROM unnest($3::text[]) WITH ORDINALITY AS t (id, n)`,
    [feedId, batchId, ids],
  );
  return batchId;
}

describe("a feed's counts", () => {
  it('give every posting exactly one delivery status, whatever became of it', async () => {
    const fate = fc.record({
      status: fc.constantFrom('posted', 'posted', 'posted', 'pending', 'void'),
      day: fc.integer({ min: 1, max: 28 }),
      batch: fc.constantFrom('none', 'none', 'open', 'delivered', 'refused', 'undone'),
      exception: fc.constantFrom(null, null, null, 'duplicate', 'conflict', 'quarantined', 'discarded'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { minLength: 1, maxLength: 40 }),
        fc.option(fc.integer({ min: 1, max: 28 })),
        async (fates, startDay) => {
          const account = await api.makeAccount();
          const startDate =
            startDay === null ? null : `2026-01-${String(startDay).padStart(2, '0')}T00:00:00Z`;
          const feedId = await api.makeFeed({ ...account, transaction_start_date: startDate });
          await send(
            account.accountId,
            fates.map(({ status, day }, index) =>
              transaction(String(index), {
                status,
                posted_at: `2026-01-${String(day).padStart(2, '0')}T00:00:00Z`,
              }),
            ),
          );
          const cut = fates
            .map((each, index) => ({ ...each, id: String(index) }))
            .filter(({ status }) => status === 'posted');
          for (const [number, state] of ['open', 'delivered', 'refused', 'undone'].entries()) {
            const ids = cut.filter(({ batch }) => batch === state).map(({ id }) => id);
            if (ids.length > 0) await makeBatch(feedId, number + 1, state, ids);
          }
          for (const { id, exception } of cut) {
            await api.pool.query(
              `UPDATE ledger SET exception = $3 WHERE feed_id = $1 AND transaction_id = $2`,
              [feedId, id, exception],
            );
          }
          const { counts } = (await get(`/v1/feeds/${feedId}`)).body;
          const expected: Record<string, number> = {
            held: 0,
            ready: 0,
            batched: 0,
            delivered: 0,
            quarantined: 0,
            discarded: 0,
            before_start: 0,
            withdrawn: 0,
          };
          for (const each of fates) {
            const status = expectedStatus(each, startDay);
            expected[status] = (expected[status] ?? 0) + 1;
          }
          expect(counts).toEqual(expected);
          expect(Object.values(counts as Record<string, number>).reduce((sum, count) => sum + count)).toBe(
            fates.length,
          );
        },
      ),
      { numRuns: 25 },
    );
  });

  /** The rules, written independently of the query. */
  function expectedStatus(
    fate: { status: string; day: number; batch: string; exception: string | null },
    startDay: number | null,
  ) {
    if (fate.status === 'pending') return 'held';
    if (fate.status === 'void') return 'withdrawn';
    if (fate.batch !== 'none') {
      if (fate.exception === 'quarantined' || fate.exception === 'conflict') return 'quarantined';
      if (fate.exception === 'discarded') return 'discarded';
      if (fate.batch === 'delivered') return 'delivered';
      if (fate.batch !== 'undone') return 'batched';
    }
    return startDay !== null && fate.day < startDay ? 'before_start' : 'ready';
  }
});

interface Listed {
  feed_id: string;
  state: string;
  reason: string | null;
  degraded: object | null;
  waiting_since: string | null;
}

describe('the list of feeds', () => {
  it('filters by customer, account and state, and pages through all of them without loss or repetition', async () => {
    const account = await api.makeAccount();
    const feedIds: string[] = [];
    for (let count = 0; count < 5; count += 1)
      feedIds.push(await api.makeFeed({ ...account, state: 'live' }));
    const paused = await api.makeFeed({ ...account, state: 'paused' });
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null && pages < 10; pages += 1) {
      const { body } = await get(
        `/v1/feeds?customer_id=${account.customerId}&state=live&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...body.feeds.map(({ feed_id }) => feed_id));
      cursor = body.next_cursor;
    }
    expect(seen).toEqual([...feedIds].sort());
    const byAccount = await get(`/v1/feeds?account_id=${account.accountId}&state=paused`);
    expect(byAccount.body).toMatchObject({
      feeds: [{ feed_id: paused, state: 'paused' }],
      next_cursor: null,
    });
    expect((await get('/v1/feeds?account_id=nobody')).body.feeds).toEqual([]);
  });

  it('filters by what is shown of state, reason and degraded, whatever the rows of the feeds say', async () => {
    const account = await api.makeAccount();
    for (const state of feedStates) {
      for (const reason of [null, ...channels.rutter.reasons]) {
        const feedId = await api.makeFeed({ ...account, state });
        await api.pool.query(`UPDATE feeds SET reason = $2, reason_at = now() WHERE feed_id = $1`, [
          feedId,
          reason,
        ]);
      }
    }
    const list = async (query: string): Promise<Listed[]> => {
      const answer = await get(`/v1/feeds?account_id=${account.accountId}&limit=200&${query}`);
      return answer.body.feeds as unknown as Listed[];
    };
    const all = await list('channel=rutter');
    expect(all).toHaveLength(feedStates.length * (1 + channels.rutter.reasons.length));
    const expectFound = async (query: string, shows: (feed: Listed) => boolean) =>
      expect([query, (await list(query)).map(({ feed_id: id }) => id)]).toEqual([
        query,
        all.filter(shows).map(({ feed_id: id }) => id),
      ]);
    await expectFound('degraded=true', ({ degraded }) => degraded !== null);
    await expectFound('degraded=false', ({ degraded }) => degraded === null);
    for (const reason of channels.rutter.reasons)
      await expectFound(`reason=${reason}`, (feed) => feed.reason === reason);
    for (const state of feedStates)
      await expectFound(
        `state=${state}&degraded=true`,
        (feed) => feed.state === state && feed.degraded !== null,
      );
    await expectFound('channel=sage-banking', () => false);
    const sending = all.filter(({ degraded }) => degraded !== null);
    expect([...new Set(sending.map(({ state }) => state))].sort()).toEqual([
      'backfilling',
      'live',
      'syncing',
    ]);
  });

  it('filters by the transaction that waits longest, and shows since when it waits', async () => {
    const account = await api.makeAccount();
    const feedId = await api.makeFeed({ ...account, account_status: 'active', state: 'live' });
    const list = async (before: string) =>
      (
        await get(
          `/v1/feeds?account_id=${account.accountId}&waiting_since_before=${encodeURIComponent(before)}`,
        )
      ).body.feeds as unknown as Listed[];
    expect(await list('2099-01-01T00:00:00Z')).toEqual([]);
    await api.pool.query(
      `WITH counted AS (UPDATE accounts SET last_sequence = 2 WHERE account_id = $1)
       INSERT INTO postings (account_id, transaction_id, sequence, posted_at, amount, description, transaction_type,
                             status, content_hash, received_at)
       VALUES ($1, 'held', 1, '2026-03-01T08:00Z', 1, 'x', 'credit', 'pending', '', '2026-03-01T08:00Z'),
              ($1, 'waits', 2, '2026-03-02T08:00Z', 1, 'x', 'credit', 'posted', '', '2026-03-02T09:00Z')`,
      [account.accountId],
    );
    expect(await list('2026-03-02T09:00:00Z')).toEqual([]);
    expect(await list('2026-03-02T10:00:01+01:00')).toMatchObject([
      { feed_id: feedId, waiting_since: '2026-03-02T09:00:00.000Z', degraded: null },
    ]);
    await api.pool.query(`UPDATE feeds SET operator = 'closed', state = 'closed' WHERE feed_id = $1`, [
      feedId,
    ]);
    expect(await list('2099-01-01T00:00:00Z')).toEqual([]);
  });

  it('looks for a transaction that waits at a limited number of feeds per page, and goes on after the last of them', async () => {
    const { customerId, accountId } = await api.makeAccount();
    const idOf = (n: string) => `('ffffffff-0000-4000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;
    await api.pool.query(
      `WITH connected AS (
         INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed)
         SELECT ${idOf('n')}, $1, 'SAGE_BANK_FEEDS', 'many-' || n, 'sealed' FROM generate_series(1, 10001) n RETURNING *)
       INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, published_at, state)
       SELECT connection_id, $1, $2, connection_id, now(), 'live' FROM connected`,
      [customerId, accountId],
    );
    // Something waits at the last one only.
    await api.pool.query(
      `UPDATE feeds SET examined_sequence = 1, examined_by_day_sequence = 1 WHERE account_id = $1`,
      [accountId],
    );
    await api.pool.query(`UPDATE feeds SET examined_sequence = 0 WHERE feed_id = ${idOf('10001')}`);
    await api.pool.query(
      `WITH counted AS (UPDATE accounts SET last_sequence = 1 WHERE account_id = $1)
       INSERT INTO postings (account_id, transaction_id, sequence, posted_at, amount, description, transaction_type,
                             status, content_hash, received_at)
       VALUES ($1, 'waits', 1, '2026-03-02T08:00Z', 1, 'x', 'credit', 'posted', '', '2026-03-02T09:00Z')`,
      [accountId],
    );
    const list = `/v1/feeds?customer_id=${customerId}&waiting_since_before=2099-01-01T00:00:00Z`;
    const first = (await get(list)).body;
    expect(first).toEqual({ feeds: [], next_cursor: expect.any(String) as string });
    const rest = (await get(`${list}&cursor=${String(first['next_cursor'])}`)).body;
    expect(rest).toMatchObject({ feeds: [{ account_id: accountId }], next_cursor: null });
    await api.pool.query(`DELETE FROM feeds WHERE account_id = $1`, [accountId]);
  });

  it.each([
    ['reason=unhappy', 'provider_unavailable'],
    ['channel=phone', 'sage-banking'],
    ['degraded=maybe', 'false'],
    ['state=happy', 'reauth_required'],
    ['waiting_since_before=yesterday', '2026-02-03T09:14:07Z'],
  ])('answers %s with 400 and what is allowed, such as %s', async (query, allowed) => {
    const answer = await get(`/v1/feeds?${query}`);
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_query']);
    expect(JSON.stringify(answer.body)).toContain(allowed);
  });

  it.each([
    'state=happy',
    'limit=0',
    'limit=201',
    'limit=x',
    'cursor=x',
    'unknown=1',
    'account_id=',
    'account_id=%00',
    'limit=1&limit=1',
    'state=live&state=live',
    'cursor[]=x',
  ])('refuses a query that it cannot mean: %s', async (query) => {
    const answer = await get(`/v1/feeds?${query}`);
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_query']);
  });
});

describe('a feed whose end was requested', () => {
  const listed = async (query: string) =>
    (await api.call('GET', `/v1/feeds?${query}`)).body['feeds'] as { feed_id: string; reason: string }[];

  it('says so beside its state, on either channel, and is found by it', async () => {
    const account = await api.makeAccount();
    const feedId = await api.makeFeed({ ...account, account_status: 'active', state: 'live' });
    const query = `customer_id=${account.customerId}`;
    expect(await listed(query)).toMatchObject([{ state: 'live', reason: null }]);
    expect(await listed(`${query}&reason=disconnecting`)).toEqual([]);
    await api.pool.query(
      `UPDATE connections SET unlink_requested_at = now()
        WHERE connection_id = (SELECT connection_id FROM feeds WHERE feed_id = $1)`,
      [feedId],
    );
    const companyId = randomUUID();
    const sageAccountId = randomUUID();
    await api.pool.query(
      `INSERT INTO sage_companies (connection_id, customer_id, organisation_id, company_id, name, signing_key_sealed)
       VALUES ($1::uuid, $2, $1::uuid::text, 'c', 'A company', 'sealed')`,
      [companyId, account.customerId],
    );
    await api.pool.query(
      `INSERT INTO sage_accounts (sage_account_id, customer_id, connection_id, bank_account_id, bank_id, bank_name,
                                  data_provider, name, identity_hash, status, cancel_requested_at)
       VALUES ($1::uuid, $2, $3, $1::uuid::text, 'bank', 'A bank', 'indirect', 'Savings', 'hash', 'active', now())`,
      [sageAccountId, account.customerId, companyId],
    );
    const both = [feedId, sageAccountId].sort();
    const found = await listed(`${query}&reason=disconnecting`);
    expect(found.map(({ feed_id }) => feed_id).sort()).toEqual(both);
    expect(found).toMatchObject([
      { state: 'live', reason: 'disconnecting' },
      { state: 'live', reason: 'disconnecting' },
    ]);
    await api.pool.query(`UPDATE feeds SET reason = 'job_lost', reason_at = now() WHERE feed_id = $1`, [
      feedId,
    ]);
    expect((await listed(`${query}&reason=disconnecting`)).map(({ feed_id }) => feed_id)).toEqual([
      sageAccountId,
    ]);
    expect((await listed(`${query}&reason=job_lost`)).map(({ feed_id }) => feed_id)).toEqual([feedId]);
  });
});

describe('the limit of a list', () => {
  it.each(['0', '00', '201', '1001', '99999999999999999999', '-1', '1.5', '1e2', 'x', ''])(
    'that is no page size is refused with the largest one: %j',
    async (limit) => {
      const answer = await get(`/v1/feeds?limit=${limit}`);
      expect([answer.status, answer.body['errors']]).toEqual([
        400,
        [{ pointer: '/limit', message: 'must be a whole number from 1 to 200' }],
      ]);
    },
  );

  it.each(['1', '200'])('may be %s', async (limit) => {
    expect((await get(`/v1/feeds?limit=${limit}`)).status).toBe(200);
  });
});

describe('what operators see of a feed', () => {
  it.each(['request', 'account', 'connection', null])(
    'is what closed it, by itself and in the list: %s',
    async (closedBy) => {
      const account = await api.makeAccount();
      const closing = closedBy === null ? {} : { operator: 'closed', state: 'closed', closed_by: closedBy };
      const feedId = await api.makeFeed({ ...account, ...closing });
      expect((await get(`/v1/feeds/${feedId}`)).body['closed_by']).toBe(closedBy);
      const { feeds } = (await get(`/v1/feeds?account_id=${account.accountId}`)).body;
      expect(feeds).toMatchObject([{ feed_id: feedId, closed_by: closedBy }]);
    },
  );

  it('is its batches with attempts, its postings with their delivery status and its timeline, newest first, page by page', async () => {
    const account = await api.makeAccount();
    const feedId = await api.makeFeed(account);
    await send(
      account.accountId,
      ['a', 'b', 'c'].map((id) => transaction(id)),
    );
    await makeBatch(feedId, 1, 'delivered', ['a']);
    await makeBatch(feedId, 2, 'open', ['b']);
    for (const kind of ['one', 'two', 'three']) {
      await api.pool.query(`INSERT INTO timeline (feed_id, kind) VALUES ($1, $2)`, [feedId, kind]);
    }
    const batches = await get(`/v1/feeds/${feedId}/batches`);
    expect(batches.body).toMatchObject({
      batches: [
        { number: 2, state: 'open' },
        { number: 1, state: 'delivered', attempts: [{ number: 1, state: 'delivered' }] },
      ],
      next_cursor: null,
    });
    const postings = await get(`/v1/feeds/${feedId}/transactions`);
    expect(postings.body.transactions).toMatchObject([
      { transaction_id: 'c', delivery_status: 'ready', batch_number: null, amount: '-12.5' },
      { transaction_id: 'b', delivery_status: 'batched', batch_number: 2 },
      { transaction_id: 'a', delivery_status: 'delivered', batch_number: 1 },
    ]);
    expect(
      (await get(`/v1/feeds/${feedId}/transactions?delivery_status=ready`)).body.transactions,
    ).toHaveLength(1);
    for (const [list, name, key] of [
      ['batches', 'batches', 'number'],
      ['transactions', 'transactions', 'transaction_id'],
      ['timeline', 'timeline', 'kind'],
    ] as const) {
      const whole = (await get(`/v1/feeds/${feedId}/${list}`)).body[name] as Record<string, unknown>[];
      const first = await get(`/v1/feeds/${feedId}/${list}?limit=1`);
      const rest = await get(`/v1/feeds/${feedId}/${list}?cursor=${first.body.next_cursor ?? ''}`);
      const paged = [first, rest].flatMap(({ body }) => body[name] as Record<string, unknown>[]);
      expect(paged.map((row) => row[key])).toEqual(whole.map((row) => row[key]));
      expect(whole.length).toBeGreaterThan(1);
      expect((await get(`/v1/feeds/${feedId}/${list}?cursor=nonsense`)).status).toBe(400);
    }
  });

  it('is 404 for a feed that does not exist or could not', async () => {
    for (const id of [randomUUID(), 'x', "1'--", '%00']) {
      for (const path of ['', '/timeline', '/batches', '/transactions'])
        expect((await get(`/v1/feeds/${id}${path}`)).status).toBe(404);
      expect((await ask(id, 'pause')).status).toBe(404);
    }
  });
});

describe('an action on a feed', () => {
  const done: Record<string, string> = {
    pause: `operator = 'paused', state = 'paused'`,
    resume: `operator = 'running', state = 'live', reason = NULL`,
    sync: 'last_synced_at = now()',
    close: `operator = 'closed', state = 'closed'`,
  };

  it.each([
    ['pause', 'running'],
    ['resume', 'paused'],
    ['sync', 'running'],
    ['close', 'paused'],
  ])('%s of a feed that is %s answers 200 once its row shows it', async (action, operator) => {
    const feedId = await api.makeFeed({ ...(await api.makeAccount()), operator });
    api.facade.onCall = async () => {
      await api.pool.query(`UPDATE feeds SET ${done[action] ?? ''} WHERE feed_id = $1`, [feedId]);
    };
    const answer = await ask(feedId, action);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ feed_id: feedId, counts: { ready: 0 } });
    expect(answer.body.requested).toBeUndefined();
    expect(api.facade.calls).toEqual([{ name: 'requestOfFeed', input: { feedId, action } }]);
  });

  it('that is not shown in time answers 202 with what was requested', async () => {
    const feedId = await api.makeFeed({ ...(await api.makeAccount()), state: 'live' });
    const answer = await ask(feedId, 'pause');
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ feed_id: feedId, state: 'live', requested: 'pause' });
  });

  it('that its state does not allow answers 409 with the state and what is allowed, and signals nothing', async () => {
    const account = await api.makeAccount();
    const closed = await api.makeFeed({ ...account, operator: 'closed', state: 'closed' });
    for (const action of ['pause', 'resume', 'sync']) {
      const answer = await ask(closed, action);
      expect(answer.status).toBe(409);
      expect(answer.body).toMatchObject({ code: 'wrong_state', state: 'closed', allowed_actions: ['close'] });
    }
    const paused = await api.makeFeed({ ...account, operator: 'paused', state: 'paused' });
    expect((await ask(paused, 'sync')).body).toMatchObject({
      status: 409,
      allowed_actions: ['pause', 'resume', 'close'],
    });
    expect(api.facade.calls).toEqual([]);
  });

  it('close of a closed feed answers 200 and starts no workflow', async () => {
    const feedId = await api.makeFeed({ ...(await api.makeAccount()), operator: 'closed', state: 'closed' });
    expect((await ask(feedId, 'close')).status).toBe(200);
    expect(api.facade.calls).toEqual([]);
  });

  it('is 503 with Retry-After when Temporal does not take it', async () => {
    const feedId = await api.makeFeed(await api.makeAccount());
    api.facade.onCall = () => Promise.reject(new WorkflowsUnavailable(new Error('away')));
    const answer = await ask(feedId, 'pause');
    expect([answer.status, answer.body.code, answer.headers.get('Retry-After')]).toEqual([
      503,
      'workflows_unavailable',
      '5',
    ]);
  });
});
