import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WorkflowsUnavailable } from '../../../src/temporal/calls.js';
import { startApi, transaction, type ApiFixture } from '../machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());
beforeEach(() => {
  api.facade.calls.length = 0;
  api.facade.onCall = () => Promise.resolve();
});

/** A live feed whose one posting `id` is in a batch of the given state, with the given exception. */
async function feedWith(
  input: { exception?: string | null; batch?: string; id?: string; currency?: string; feed?: object } = {},
) {
  const account = await api.makeAccount({ currency: input.currency ?? 'EUR' });
  const feedId = await api.makeFeed({
    ...account,
    account_status: 'active',
    state: 'live',
    transaction_start_date: '2026-01-01T00:00:00Z',
    examined_sequence: 1,
    ...input.feed,
  });
  const id = input.id ?? 'bad-1';
  await api.call('POST', `/v1/accounts/${account.accountId}/transactions`, {
    json: { transactions: [transaction(id, { payee: 'A payee' })] },
  });
  const batchId = randomUUID();
  await api.pool.query(
    `INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash, first_posted_at,
                          last_posted_at, state)
     SELECT $1, feed_id, connection_id, connection_id::text, 1, 1, 'hash', now(), now(), $3 FROM feeds WHERE feed_id = $2`,
    [batchId, feedId, input.batch ?? 'refused'],
  );
  await api.pool.query(
    `INSERT INTO ledger (feed_id, transaction_id, batch_id, position, exception, detail)
     VALUES ($1, $2, $3, 0, $4, 'Description is not allowed')`,
    [feedId, id, batchId, input.exception === undefined ? 'quarantined' : input.exception],
  );
  return { ...account, feedId, id };
}

/** What the feeds were signaled for; ingestion wakes them on its own account. */
const signals = () => api.facade.calls.filter(({ name }) => name === 'feedFactsChanged');

const decide = (
  { feedId, id }: { feedId: string; id: string },
  decision: 'release' | 'discard',
  json: unknown,
  headers: Record<string, string> = {},
) =>
  api.call('POST', `/v1/feeds/${feedId}/quarantine/${encodeURIComponent(id)}/${decision}`, {
    role: 'ops',
    json,
    headers,
  });

async function timeline(feedId: string) {
  return await api.rows<{ kind: string; detail: Record<string, unknown> }>(
    `SELECT kind, detail FROM timeline WHERE feed_id = $1 ORDER BY entry_id`,
    [feedId],
  );
}

async function counts(feedId: string) {
  return (await api.call('GET', `/v1/feeds/${feedId}`, { role: 'ops' })).body['counts'] as Record<
    string,
    number
  >;
}

describe('releasing a posting from quarantine', () => {
  it('makes it ready with the corrected fields, records which fields and why, and then signals the feed', async () => {
    const feed = await feedWith();
    const answer = await decide(feed, 'release', {
      transaction: { description: 'Corrected', amount: '-12.40' },
      reason: 'the bank mistyped it',
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      transaction_id: 'bad-1',
      delivery_status: 'ready',
      amount: '-12.5',
      description: 'Card payment',
      exception: null,
      release: { amount: '-12.4', description: 'Corrected', payee: null, transaction_type: null },
    });
    expect(await timeline(feed.feedId)).toEqual([
      {
        kind: 'posting_released',
        detail: {
          transaction_id: 'bad-1',
          corrected: ['amount', 'description'],
          reason: 'the bank mistyped it',
        },
      },
    ]);
    expect(signals()).toEqual([{ name: 'feedFactsChanged', input: { feedId: feed.feedId } }]);
    const [row] = await api.rows(`SELECT examined_sequence FROM feeds WHERE feed_id = $1`, [feed.feedId]);
    expect(row).toEqual({ examined_sequence: '0' });
    expect(await counts(feed.feedId)).toMatchObject({ ready: 1, quarantined: 0 });
  });

  it('without a correction takes an earlier one back', async () => {
    const feed = await feedWith();
    await decide(feed, 'release', { transaction: { description: 'Corrected' }, reason: 'one' });
    await api.pool.query(
      `INSERT INTO ledger (feed_id, transaction_id, batch_id, position, exception)
       SELECT feed_id, 'bad-1', batch_id, 0, 'quarantined' FROM batches WHERE feed_id = $1`,
      [feed.feedId],
    );
    const answer = await decide(feed, 'release', { reason: 'two' });
    expect(answer.body).toMatchObject({
      delivery_status: 'ready',
      release: { description: null, reason: 'two' },
    });
  });

  it('repeated with the same body answers 200 whatever became of the posting, changes nothing and signals again', async () => {
    const feed = await feedWith();
    const body = { transaction: { payee: 'Another' }, reason: 'again' };
    api.facade.onCall = () => Promise.reject(new WorkflowsUnavailable(new Error('away')));
    expect((await decide(feed, 'release', body)).status).toBe(503);
    api.facade.onCall = () => Promise.resolve();
    api.facade.calls.length = 0;
    expect((await decide(feed, 'release', body)).status).toBe(200);
    expect(signals()).toHaveLength(1);
    await api.pool.query(
      `INSERT INTO ledger (feed_id, transaction_id, batch_id, position) SELECT feed_id, 'bad-1', batch_id, 0
         FROM batches WHERE feed_id = $1`,
      [feed.feedId],
    );
    expect((await decide(feed, 'release', body)).body).toMatchObject({ delivery_status: 'batched' });
    const other = await decide(feed, 'release', { ...body, reason: 'for another reason' });
    expect([other.status, other.body['delivery_status'], other.body['allowed_actions']]).toEqual([
      409,
      'batched',
      [],
    ]);
    expect(await timeline(feed.feedId)).toHaveLength(1);
  });

  it('accepts an Idempotency-Key', async () => {
    const feed = await feedWith();
    const headers = { 'Idempotency-Key': randomUUID() };
    const first = await decide(feed, 'release', { reason: 'once' }, headers);
    const second = await decide(feed, 'release', { reason: 'once' }, headers);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.headers.get('Idempotency-Replayed')).toBe('true');
    expect((await decide(feed, 'release', { reason: 'other' }, headers)).status).toBe(409);
  });

  it.each([
    [{ amount: '1.234' }, '/transaction/amount'],
    [{ amount: 'NaN' }, '/transaction/amount'],
    [{ amount: null }, '/transaction/amount'],
    [{ description: '' }, '/transaction/description'],
    [{ description: 'a\u0000b' }, '/transaction/description'],
    [{ payee: null }, '/transaction/payee'],
    [{ payee: 'x'.repeat(1_001) }, '/transaction/payee'],
    [{ transaction_type: 'gift' }, '/transaction/transaction_type'],
    [{ posted_at: '2026-02-03T09:14:07Z' }, '/transaction/posted_at'],
    [{ transaction_id: 'other' }, '/transaction/transaction_id'],
    [{ status: 'void' }, '/transaction/status'],
    [{ corrects: 'other' }, '/transaction/corrects'],
    [{ memo: 'x' }, '/transaction/memo'],
    [{}, '/transaction'],
  ])(
    'refuses a correction that ingestion would refuse, with a pointer to the error: %j',
    async (correction, pointer) => {
      const feed = await feedWith();
      const answer = await decide(feed, 'release', { transaction: correction, reason: 'why not' });
      expect([answer.status, answer.body.errors[0]?.pointer]).toEqual([422, pointer]);
      expect(await counts(feed.feedId)).toMatchObject({ quarantined: 1 });
      expect(signals()).toEqual([]);
    },
  );

  it("checks a corrected amount by the account's currency", async () => {
    const feed = await feedWith({ currency: 'JPY', id: 'yen' });
    await api.pool.query(
      `INSERT INTO postings (account_id, transaction_id, sequence, posted_at, amount, description, transaction_type, status, content_hash)
       VALUES ($1, 'yen', 900, '2026-02-03', 5, 'Yen', 'credit', 'posted', '\\x00') ON CONFLICT DO NOTHING`,
      [feed.accountId],
    );
    const answer = await decide(feed, 'release', { transaction: { amount: '1.5' }, reason: 'x' });
    expect([answer.status, answer.body.errors[0]?.pointer]).toEqual([422, '/transaction/amount']);
  });

  it.each([[{}], [{ reason: '' }], [{ reason: 'x', force: true }]])(
    'refuses a body like %j',
    async (json) => {
      expect((await decide(await feedWith(), 'release', json)).status).toBe(422);
    },
  );

  it('of one that Rutter has with other content is 409, and the answer names discarding as the remedy', async () => {
    const feed = await feedWith({ exception: 'conflict', batch: 'delivered' });
    const answer = await decide(feed, 'release', { reason: 'try' });
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({
      code: 'conflict_at_rutter',
      delivery_status: 'quarantined',
      exception: 'conflict',
      allowed_actions: ['discard'],
    });
    expect(await counts(feed.feedId)).toMatchObject({ quarantined: 1 });
  });

  it.each([
    ['batched', { exception: null, batch: 'open' }],
    ['delivered', { exception: null, batch: 'delivered' }],
    ['delivered', { exception: 'duplicate', batch: 'delivered' }],
    ['discarded', { exception: 'discarded' }],
  ])(
    'of one that is %s is 409 with its delivery status (%j), and so is discarding it',
    async (status, state) => {
      const feed = await feedWith(state);
      for (const decision of ['release', 'discard'] as const) {
        if (status === 'discarded' && decision === 'discard') continue;
        const answer = await decide(feed, decision, { reason: 'try' });
        expect([answer.status, answer.body['delivery_status'], answer.body['allowed_actions']]).toEqual([
          409,
          status,
          [],
        ]);
      }
      expect(await timeline(feed.feedId)).toEqual([]);
      expect(signals()).toEqual([]);
    },
  );

  it('is 404 for a posting or feed that does not exist, and for one of another account', async () => {
    const [feed, other] = [await feedWith(), await feedWith({ id: 'theirs' })];
    for (const [feedId, id] of [
      [feed.feedId, 'unknown'],
      [feed.feedId, other.id],
      [randomUUID(), feed.id],
      ['x', feed.id],
      [feed.feedId, '\u0000'],
    ] as const) {
      for (const decision of ['release', 'discard'] as const) {
        expect((await decide({ feedId, id }, decision, { reason: 'x' })).status).toBe(404);
      }
    }
  });

  it('finds a posting by its exact id, whatever characters it has', async () => {
    for (const id of ['a/b', 'é ü', "1';--", '%2F', '__proto__', '🙂']) {
      const feed = await feedWith({ id });
      const answer = await decide(feed, 'release', { reason: 'x' });
      expect([answer.status, answer.body['transaction_id']]).toEqual([200, id]);
    }
  });

  it('of a closed feed is 409 with the state and what is allowed', async () => {
    const feed = await feedWith({ feed: { operator: 'closed', state: 'closed' } });
    for (const decision of ['release', 'discard'] as const) {
      expect((await decide(feed, decision, { reason: 'x' })).body).toMatchObject({
        status: 409,
        code: 'wrong_state',
        state: 'closed',
        allowed_actions: ['close'],
      });
    }
  });

  it('says what must happen first in a feed that does not send now', async () => {
    const feed = await feedWith({ feed: { account_status: 'inactive', state: 'disconnected' } });
    const answer = await decide(feed, 'release', { reason: 'checked' });
    expect(answer.body).toMatchObject({
      delivery_status: 'ready',
      waits_for: 'account_connected_in_sage',
    });
    const live = await feedWith();
    const released = await api.call('POST', `/v1/feeds/${live.feedId}/quarantine/release`, {
      role: 'ops',
      json: { transaction_ids: [live.id], reason: 'checked' },
    });
    expect(released.body).toMatchObject({ changed: 1, waits_for: null });
  });

  it('on a connection that is being unlinked is 409, which says that nothing is sent any more', async () => {
    const feed = await feedWith();
    await api.pool.query(
      `UPDATE connections SET unlink_requested_at = now() WHERE connection_id =
        (SELECT connection_id FROM feeds WHERE feed_id = $1)`,
      [feed.feedId],
    );
    const answer = await decide(feed, 'release', { reason: 'x' });
    expect([answer.status, answer.body['code']]).toEqual([409, 'wrong_state']);
    expect(answer.body['detail']).toContain('is being unlinked');
    expect(await counts(feed.feedId)).toMatchObject({ quarantined: 1 });
  });

  it('requested by many at once happens once', async () => {
    const feed = await feedWith();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, each) => decide(feed, 'release', { reason: `reason ${String(each)}` })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await timeline(feed.feedId)).toHaveLength(1);
  });
});

describe('discarding a posting from quarantine', () => {
  it.each(['quarantined', 'conflict'])(
    'of exception %s counts it as discarded, once, with its reason',
    async (exception) => {
      const feed = await feedWith({ exception });
      for (let times = 0; times < 2; times += 1) {
        const answer = await decide(feed, 'discard', { reason: 'a test posting' });
        expect([answer.status, answer.body['delivery_status']]).toEqual([200, 'discarded']);
      }
      expect(await counts(feed.feedId)).toMatchObject({ quarantined: 0, discarded: 1, ready: 0 });
      expect(await timeline(feed.feedId)).toEqual([
        {
          kind: 'posting_discarded',
          detail: { transaction_id: 'bad-1', was: exception, reason: 'a test posting' },
        },
      ]);
    },
  );
});

describe('abandoning a job', () => {
  async function withJob(job: string | null, change: Record<string, unknown> = {}) {
    const feed = await feedWith({ exception: null, batch: 'open', feed: change });
    await api.pool.query(
      `INSERT INTO attempts (idempotency_key, batch_id, number, posts, job_id, job_seen_at)
       SELECT gen_random_uuid(), batch_id, 1, 1, $2, now() FROM batches WHERE feed_id = $1`,
      [feed.feedId, job],
    );
    return feed;
  }
  const abandon = (feedId: string, json: unknown = { reason: 'Rutter says it is lost' }) =>
    api.call('POST', `/v1/feeds/${feedId}/abandon-job`, { role: 'ops', json });

  it.each([{}, { operator: 'closed', state: 'closed' }, { operator: 'paused', state: 'paused' }])(
    'leaves the decision to a read-back, clears the reason, records it once and signals: %j',
    async (change) => {
      const { feedId } = await withJob('job-1', { reason: 'job_lost', ...change });
      const before = (await api.call('GET', `/v1/feeds/${feedId}`, { role: 'ops' })).body;
      expect(before['allowed_actions']).toContain('abandon-job');
      for (let times = 0; times < 2; times += 1) {
        const answer = await abandon(feedId);
        expect([answer.status, answer.body['reason']]).toEqual([200, null]);
      }
      expect(
        await api.rows(
          `SELECT state, outcome_unknown, job_id FROM attempts WHERE job_id = 'job-1'
         AND batch_id IN (SELECT batch_id FROM batches WHERE feed_id = $1)`,
          [feedId],
        ),
      ).toEqual([{ state: 'in_doubt', outcome_unknown: true, job_id: 'job-1' }]);
      expect(await timeline(feedId)).toEqual([
        { kind: 'job_abandoned', detail: { batch: 1, job_id: 'job-1', reason: 'Rutter says it is lost' } },
      ]);
      expect(signals()).toHaveLength(2);
    },
  );

  it('is 409 with the state and what is allowed when no job is waited for', async () => {
    const { feedId } = await withJob(null);
    const answer = await abandon(feedId);
    expect(answer.body).toMatchObject({
      status: 409,
      code: 'wrong_state',
      state: 'live',
      allowed_actions: ['pause', 'resume', 'sync', 'close', 'resync'],
    });
    expect(signals()).toEqual([]);
  });

  it('needs a reason', async () => {
    const { feedId } = await withJob('job-2');
    expect((await abandon(feedId, {})).status).toBe(422);
  });
});
