import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  TRANSACTIONS,
  batch,
  bookedIds,
  makeAccount,
  makeReadyFeed,
  startSession,
  transaction,
  type ReadyFeed,
  type Session,
} from './session.js';

let session: Session;
let feed: ReadyFeed;
beforeEach(async () => {
  session = await startSession();
  feed = await makeReadyFeed(session);
});
afterEach(() => session.close());

const send = (transactions: unknown[], more: Record<string, unknown> = {}) =>
  session.call('POST', TRANSACTIONS, { token: feed.token, body: batch(feed.accountId, transactions, more) });

describe("Rutter's transactions", () => {
  it('books a batch and answers line by line, normalized to UTC', async () => {
    const shifted = transaction(1, { posted_at: '2026-02-02T10:31:10+02:00' });
    const income = transaction(9_999_999, {
      amount: 1250,
      debit_credit_memo: 'CREDIT',
      transaction_type: 'deposit',
    });
    const reply = await send([shifted, income]);
    expect(reply.status).toBe(200);
    expect(reply.body).not.toHaveProperty('connection');
    expect(reply.body.bank_feed_transactions).toMatchObject([
      { transaction_id: 'tx-1', posted_at: '2026-02-02T08:31:10.000Z', amount: -84.15, duplicate: false },
      {
        transaction_id: 'tx-9999999',
        amount: 1250,
        platform_ingested: false,
        memo: null,
        transaction_date: null,
      },
    ]);
    expect(await session.violations()).toEqual([]);
  });

  it('marks a known transaction as duplicate, shows the first data and drops the new', async () => {
    await send([transaction(1)]);
    await session.control('POST', '/sage-pull', {});
    const reply = await send([transaction(1, { description: 'CORRECTED', amount: -1 }), transaction(2)]);
    expect(reply.body.bank_feed_transactions).toMatchObject([
      {
        transaction_id: 'tx-1',
        duplicate: true,
        description: 'CARD 4471 FUEL STOP',
        amount: -84.15,
        platform_ingested: true,
      },
      { transaction_id: 'tx-2', duplicate: false, platform_ingested: false },
    ]);
    expect(await bookedIds(session, feed.accountId)).toEqual(['tx-1', 'tx-2']);
    const { body } = await session.control('GET', '/violations');
    expect(body.resent).toHaveLength(1);
    expect(body.violations).toEqual([]);
  });

  it('keeps the book in the order of acceptance, with batch, job and key', async () => {
    const first = await send([transaction(5), transaction(6)]);
    await send([transaction(2)]);
    const { body } = await session.control('GET', '/book?internal_bank_account_id=acc-7731');
    expect(body.accounts[0]).toMatchObject({ count: 3, account_id: feed.accountId });
    expect(body.accounts[0]!.batches).toMatchObject([{ count: 2, duplicates: 0 }, { count: 1 }]);
    expect(body.accounts[0]!.transactions).toMatchObject([
      { transaction_id: 'tx-5', batch: 0, job_id: first.headers.get('x-rutter-job-id') },
      { transaction_id: 'tx-6', batch: 0 },
      { transaction_id: 'tx-2', batch: 1 },
    ]);
  });

  it.each([
    ['no transaction', () => [], 'INVALID_INPUT', 'batch_size'],
    [
      '1,001 of them',
      () => Array.from({ length: 1_001 }, (_, n) => transaction(n)),
      'INVALID_INPUT',
      'batch_size',
    ],
    [
      'a batch that goes back in time',
      () => [transaction(2), transaction(1)],
      'TRANSACTIONS_NOT_CHRONOLOGICAL',
      'not_chronological',
    ],
    [
      'one id twice',
      () => [transaction(1), transaction(1)],
      'INVALID_INPUT',
      'transaction_id_twice_in_batch',
    ],
    ['no memo', () => [transaction(1, { debit_credit_memo: undefined })], 'INVALID_INPUT', 'memo_missing'],
    [
      'a sign against the memo',
      () => [transaction(1, { amount: 5 })],
      'INVALID_INPUT',
      'sign_contradicts_memo',
    ],
    [
      'a field that nobody knows',
      () => [transaction(1, { status: 'pending' })],
      'INVALID_INPUT',
      'unknown_transaction_field',
    ],
  ])('refuses and records %s, and books nothing', async (_case, make, code, rule) => {
    const reply = await send(make());
    expect(reply.status).toBe(400);
    expect(reply.body.error_code).toBe(code);
    expect(reply.headers.get('x-rutter-job-id')).toBeNull();
    expect(await session.violations()).toEqual([rule]);
    expect(await bookedIds(session, feed.accountId)).toEqual([]);
  });

  it.each([
    ['an amount as text', { amount: '-84.15' }],
    ['a date without an offset', { posted_at: '2026-02-02T08:31:10' }],
    ['a day that does not exist', { posted_at: '2026-02-30T08:31:10Z' }],
    ['an unknown type', { transaction_type: 'dividend' }],
    ['an empty id', { transaction_id: '' }],
    ['an over-long id', { transaction_id: 'x'.repeat(256) }],
    ['an over-long description', { description: 'x'.repeat(1_001) }],
    ['no description', { description: undefined }],
  ])('refuses %s', async (_case, more) => {
    expect((await send([transaction(1, more)])).status).toBe(400);
  });

  it('accepts a full batch, equal instants and zero amounts', async () => {
    const full = Array.from({ length: 1_000 }, (_, n) =>
      transaction(n, { posted_at: '2026-02-02T00:00:00Z', amount: 0 }),
    );
    expect((await send(full)).body.bank_feed_transactions).toHaveLength(1_000);
    expect(await session.violations()).toEqual([]);
  });

  it('accepts fields of other platforms and records them', async () => {
    const reply = await send([transaction(1, { memo: 'note' })]);
    expect(reply.body.bank_feed_transactions[0]!.memo).toBe('note');
    expect(await session.violations()).toEqual(['field_not_for_sage']);
  });

  it('accepts transactions before the start date and records them', async () => {
    expect((await send([transaction(1, { posted_at: '2025-12-31T23:59:59.999Z' })])).status).toBe(200);
    expect(await session.violations()).toEqual(['before_start_date']);
  });

  it.each([
    ['not chosen yet', { feed_status: 'inactive', transaction_ready: false }],
    ['ready but inactive', { feed_status: 'inactive', transaction_ready: true }],
    ['active but not ready', { feed_status: 'active', transaction_ready: false }],
  ])('refuses transactions for an account that is %s', async (_case, state) => {
    await session.control('POST', `/accounts/${feed.accountId}`, state);
    expect((await send([transaction(1)])).body.error_code).toBe('BANK_FEED_ACCOUNT_NOT_READY');
    expect(await session.violations()).toEqual(['account_not_ready']);
  });

  it('accepts one batch at a time per connection, whichever account it is for', async () => {
    await session.control('POST', '/knobs', { jobRunMs: 60_000, accountJobRunMs: 0 });
    const second = await makeAccount(session, feed.token);
    await session.control('POST', `/accounts/${second}/select`, {
      transaction_start_date: '2026-01-01T00:00:00Z',
    });
    await send([transaction(1)], { response_mode: 'async' });
    const body = batch(second, [transaction(1)]);
    const refused = await session.call('POST', TRANSACTIONS, { token: feed.token, body, key: 'later' });
    expect(refused.body.error_code).toBe('BANK_FEED_BATCH_IN_PROGRESS');
    await session.control('POST', '/clock', { advance_ms: 60_000 });
    await session.control('POST', '/knobs', { jobRunMs: 0 });
    const again = await session.call('POST', TRANSACTIONS, { token: feed.token, body, key: 'later' });
    expect(again.status).toBe(200);
    expect(await session.violations()).toEqual(['two_batches_in_flight']);
  });

  it('finds the account only through its own connection', async () => {
    const other = await makeReadyFeed(session);
    const body = batch(feed.accountId, [transaction(1)]);
    expect((await session.call('POST', TRANSACTIONS, { token: other.token, body })).status).toBe(410);
  });

  it('accepts a missing memo, any sign and any order when the knobs are off', async () => {
    await session.control('POST', '/knobs', { memoRequired: false, signAgreement: false, chronology: false });
    const loose = [transaction(3, { debit_credit_memo: undefined }), transaction(1, { amount: 7 })];
    expect((await send(loose)).status).toBe(200);
  });

  it('leaves platform_ingested null in every answer while the knob says so, also after a pull', async () => {
    await session.control('POST', '/knobs', { ingestedFlagNull: true });
    const sent = await send([transaction(1)]);
    expect(JSON.stringify(sent.body)).toContain('"platform_ingested":null');
    await session.control('POST', '/sage-pull');
    const list = await session.call('GET', TRANSACTIONS, { token: feed.token });
    expect(JSON.stringify(list.body)).toContain('"platform_ingested":null');
    await session.control('POST', '/knobs', { ingestedFlagNull: false });
    const after = await session.call('GET', TRANSACTIONS, { token: feed.token });
    expect(JSON.stringify(after.body)).toContain('"platform_ingested":true');
  });
});
