import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../sandbox/rutter/faults.js';
import {
  ACCOUNTS,
  TRANSACTIONS,
  batch,
  bookedIds,
  makeReadyFeed,
  startSession,
  transaction,
  type ReadyFeed,
  type Session,
} from './session.js';

const hangSeenMs = 200;
const all: string[] = ['tx-1', 'tx-2'];

let session: Session;
let feed: ReadyFeed;
beforeEach(async () => {
  session = await startSession();
  feed = await makeReadyFeed(session);
});
afterEach(() => session.close());

const order = async (spec: FaultSpec) => {
  const reply = await session.control('POST', '/faults', { match: { path: 'transactions$' }, ...spec });
  expect(reply.status).toBe(200);
};
const send = (key: string, signal?: AbortSignal) => {
  const body = batch(feed.accountId, [transaction(1), transaction(2)]);
  return session.call('POST', TRANSACTIONS, { token: feed.token, body, key, ...(signal ? { signal } : {}) });
};
const booked = () => bookedIds(session, feed.accountId);

describe('faults before the effect', () => {
  it.each<[string, FaultSpec, number]>([
    ['a rate limit', { kind: 'rate_limited' }, 429],
    ['a plain server error', { kind: 'server_error_before_effect' }, 500],
    [
      'a refusal of the platform that is not accepted',
      { kind: 'platform_bad_request', accepted: false },
      450,
    ],
    ['any status', { kind: 'status', http_status: 503 }, 503],
  ])('%s books nothing and keeps no result under the key', async (_case, spec, status) => {
    await order(spec);
    const refused = await send('k');
    expect(refused.status).toBe(status);
    expect(refused.headers.get('x-rutter-job-id')).toBeNull();
    expect(await booked()).toEqual([]);
    expect((await send('k')).status).toBe(200);
  });

  it('a rate limit may name any Retry-After', async () => {
    await order({ kind: 'rate_limited', retry_after: '-1' });
    expect((await send('k')).headers.get('retry-after')).toBe('-1');
  });

  it('a reset has no effect', async () => {
    await order({ kind: 'reset_before_effect' });
    await expect(send('k')).rejects.toThrow();
    expect(await booked()).toEqual([]);
  });

  it('a redirect has no effect', async () => {
    await order({ kind: 'redirect', location: 'http://elsewhere.example/' });
    const reply = await send('k');
    expect([reply.status, reply.headers.get('location')]).toEqual([302, 'http://elsewhere.example/']);
  });
});

describe('faults after the effect', () => {
  it.each(['before_any_byte', 'after_headers', 'half_body'] as const)(
    'a reset %s loses the answer, not the booking, and the same key replays it',
    async (point) => {
      await order({ kind: 'reset_after_effect', point });
      await expect(send('k')).rejects.toThrow();
      expect(await booked()).toEqual(all);
      const replayed = await send('k');
      expect(replayed.body.bank_feed_transactions).toMatchObject([
        { duplicate: false },
        { duplicate: false },
      ]);
    },
  );

  it('a hanging answer does too', async () => {
    await order({ kind: 'hang_after_effect' });
    await expect(send('k', AbortSignal.timeout(hangSeenMs))).rejects.toThrow();
    expect(await booked()).toEqual(all);
    expect((await send('k')).status).toBe(200);
  });

  it("a gateway's 500 hides an accepted success", async () => {
    await order({ kind: 'server_error_after_effect' });
    const failed = await send('k');
    expect([failed.status, failed.headers.get('x-rutter-job-id')]).toEqual([500, null]);
    expect(await booked()).toEqual(all);
    expect((await send('k')).status).toBe(200);
  });

  it.each([
    ['server_error_before_effect', []],
    ['server_error_after_effect', all],
  ] as const)(
    'a recorded 500 (%s) is replayed, and only a read shows whether it happened',
    async (kind, expected) => {
      await order({ kind, recorded: true });
      const failed = await send('k');
      expect(failed.status).toBe(500);
      expect(failed.headers.get('x-rutter-job-id')).not.toBeNull();
      expect((await send('k')).status).toBe(500);
      expect(await booked()).toEqual(expected);
      const again = await send('k2');
      const marks = again.body.bank_feed_transactions.map((item) => item.duplicate);
      expect(marks).toEqual(all.map(() => expected.length > 0));
    },
  );

  it.each([
    ['truncated_json', 'application/json; charset=utf-8'],
    ['html', 'text/html; charset=utf-8'],
    ['empty', 'application/json; charset=utf-8'],
  ] as const)('an answer that is %s has status 200 and is not JSON', async (shape, type) => {
    await order({ kind: 'malformed_body', shape });
    const reply = await send('k');
    expect([reply.status, reply.headers.get('content-type'), reply.body]).toEqual([200, type, undefined]);
  });

  it('answers may be huge, wrongly typed, rewritten or without the job header', async () => {
    await order({ kind: 'malformed_body', shape: 'huge', bytes: 3_000_000 });
    expect((await send('a')).text.length).toBeGreaterThan(3_000_000);
    await order({ kind: 'malformed_body', shape: 'wrong_content_type' });
    expect((await send('a')).headers.get('content-type')).toMatch(/^text\/plain/);
    await order({ kind: 'rewrite_body', find: '"debit"', replace: '"barter"' });
    expect((await send('a')).body.bank_feed_transactions[0]!.transaction_type).toBe('barter');
    await order({ kind: 'drop_job_header' });
    expect((await send('a')).headers.get('x-rutter-job-id')).toBeNull();
  });
});

describe('faults of jobs', () => {
  it.each([
    ['platform_bad_request', 450, 'PLATFORM_BAD_REQUEST'],
    ['platform_rate_limited', 452, 'PLATFORM_RATE_LIMITED'],
    ['job_failure', 450, 'PLATFORM_BAD_REQUEST'],
  ] as const)('%s fails the accepted job whole', async (kind, status, code) => {
    await order({ kind });
    const failed = await send('k');
    expect([failed.status, failed.body.error_code]).toEqual([status, code]);
    const job = await session.call('GET', `/jobs/${String(failed.headers.get('x-rutter-job-id'))}`);
    expect(job.body).toMatchObject({
      status: 'failure',
      response: { http_status: status, body: failed.body },
    });
    expect(await booked()).toEqual([]);
  });

  it.each([
    [true, 'transaction tx-2 is not valid'],
    [false, 'a transaction is not valid'],
  ])('a poisonous transaction fails every batch it is in (named: %s)', async (named, message) => {
    await order({ kind: 'poison', transaction_ids: ['tx-2'], named });
    for (const key of ['a', 'b']) expect((await send(key)).body.error_message).toBe(message);
    const body = batch(feed.accountId, [transaction(1)]);
    expect((await session.call('POST', TRANSACTIONS, { token: feed.token, body })).status).toBe(200);
    expect(await booked()).toEqual(['tx-1']);
  });

  it.each([
    ['first', 'transaction tx-1 is not valid'],
    ['last', 'transaction tx-2 is not valid'],
    ['position', 'transactions[0] is not valid'],
    ['last_sent', 'transaction tx-2 is not valid'],
  ] as const)('a cluster of poisonous transactions is named by its %s', async (naming, message) => {
    await order({ kind: 'poison', transaction_ids: ['tx-1', 'tx-2'], naming });
    expect((await send('k')).body.error_message).toBe(message);
  });

  it('ids and texts are stored as the provider folds them, and a folded id is known from then on', async () => {
    const wide = { ...transaction(3), transaction_id: 'Tx-Ａ', description: ' A  B\r\nC ', payee: 'ﬁn' };
    await order({ kind: 'fold', ids: ['nfkc', 'lower_case'], texts: ['blanks', 'line_ends', 'nfkc'] });
    const post = async (key: string, sent: object) =>
      (
        await session.call('POST', TRANSACTIONS, {
          token: feed.token,
          key,
          body: batch(feed.accountId, [sent]),
        })
      ).body.bank_feed_transactions[0];
    const stored = { transaction_id: 'tx-a', description: 'A B\nC', payee: 'fin' };
    expect(await post('a', wide)).toMatchObject({ ...stored, duplicate: false });
    expect(await post('b', { ...wide, transaction_id: 'TX-a' })).toMatchObject({
      ...stored,
      duplicate: true,
    });
    expect(await booked()).toEqual(['tx-a']);
  });

  it('some ids alone may be folded', async () => {
    await order({ kind: 'fold', ids: ['upper_case'], transaction_ids: ['tx-2'] });
    await send('k');
    expect(await booked()).toEqual(['tx-1', 'TX-2']);
  });

  it('every character of an answer may be escaped, without another content', async () => {
    await order({ kind: 'escape_body' });
    const reply = await send('k');
    expect(reply.body.bank_feed_transactions[0]).toMatchObject({ transaction_id: 'tx-1' });
    expect(reply.text).not.toContain('tx-1');
  });

  it.each([{ naming: 'middle' }, { ids: ['rot13'] }, { texts: ['rhyme'] }])(
    'an unknown form is refused: %j',
    async (fields) => {
      const spec = { kind: 'fold', transaction_ids: ['tx-1'], ...fields };
      expect((await session.control('POST', '/faults', spec)).status).toBe(400);
    },
  );

  it('a job that never ends blocks the connection until it is ended through a control endpoint', async () => {
    await session.control('POST', '/knobs', { preferSyncWindowMs: 0 });
    await order({ kind: 'job_never_ends' });
    const { id } = (await send('k')).body.async_response;
    await session.control('POST', '/clock', { advance_ms: 24 * 3_600_000 });
    expect((await session.call('GET', `/jobs/${id}`)).body.status).toBe('pending');
    expect((await send('k2')).body.error_code).toBe('BANK_FEED_BATCH_IN_PROGRESS');
    await session.control('POST', `/jobs/${id}/finish`, {});
    expect((await session.call('GET', `/jobs/${id}`)).body.status).toBe('success');
  });

  it.each([
    [false, ['tx-1']],
    [true, all],
  ])('a success may list fewer than were sent (the missing booked: %s)', async (isBooked, expected) => {
    await order({ kind: 'omit_from_answer', count: 1, booked: isBooked });
    expect((await send('k')).body.bank_feed_transactions).toHaveLength(1);
    expect(await booked()).toEqual(expected);
  });

  it('a slow job runs into async_response', async () => {
    await session.control('POST', '/knobs', { preferSyncWindowMs: 0 });
    await order({ kind: 'slow_job', run_ms: 60_000 });
    expect((await send('k')).body).toHaveProperty('async_response');
  });
});

describe('the requests that a fault applies to', () => {
  it('is chosen by method, path, account and number', async () => {
    await order({
      kind: 'status',
      http_status: 503,
      match: { method: 'GET', path: '/accounts$', nth: 2 },
      times: 2,
    });
    const statuses: number[] = [];
    for (let read = 0; read < 4; read += 1) {
      statuses.push((await session.call('GET', ACCOUNTS, { token: feed.token })).status);
    }
    expect(statuses).toEqual([200, 503, 503, 200]);
    await order({ kind: 'rate_limited', match: { account: 'another' } });
    expect((await send('k')).status).toBe(200);
    const { body } = await session.control('GET', '/requests?limit=2');
    expect(body.requests.map((request) => request.faults)).toEqual([[], []]);
  });

  it('an invalid fault is refused with a sentence', async () => {
    const reply = await session.control('POST', '/faults', { kind: 'earthquake' });
    expect(reply.status).toBe(400);
    expect(reply.body.error).toContain('kind must be one of');
  });

  it('ends when the faults are cleared', async () => {
    await order({ kind: 'rate_limited', times: 0 });
    expect((await send('k')).status).toBe(429);
    await session.control('DELETE', '/faults');
    expect((await send('k')).status).toBe(200);
  });
});
