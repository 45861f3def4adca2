import { expect, test } from 'vitest';
import * as schemas from '../../../src/clients/rutter/schemas.js';

const account = {
  id: 'c2a4b0de-6b1f-4d0c-9e55-2f7d0b6a9a01',
  account_id: null,
  internal_bank_account_id: 'acc-7731',
  transaction_start_date: '2026-01-05T00:00:00.000Z',
  bank_account_type: 'bank',
  feed_status: 'inactive',
  transaction_ready: false,
  bank_account_number: '55512094',
  currency_code: 'GBP',
  name: 'Trading account',
  last_synced_at: '2026-02-03T09:14:07.120Z',
};

test('an account is read with what is compared with ours', () => {
  expect(schemas.accountSchema.parse(account)).toEqual({
    id: account.id,
    internalBankAccountId: 'acc-7731',
    bankAccountType: 'bank',
    feedStatus: 'inactive',
    transactionReady: false,
    transactionStartDate: '2026-01-05T00:00:00.000Z',
    currencyCode: 'GBP',
    name: 'Trading account',
    bankAccountNumber: '55512094',
  });
});

test('unknown fields and enumeration values are accepted, and an unknown status is not active', () => {
  const odd = {
    ...account,
    feed_status: 'warming_up',
    bank_account_type: 'vault',
    new_field: { a: 1 },
    transaction_ready: true,
  };
  const read = schemas.accountSchema.parse(odd);
  expect(read.feedStatus).toBe('warming_up');
  expect(schemas.isAccountReady(read)).toBe(false);
});

test('an account is ready only when both flags are set', () => {
  expect(schemas.isAccountReady({ feedStatus: 'active', transactionReady: true })).toBe(true);
  expect(schemas.isAccountReady({ feedStatus: 'active', transactionReady: false })).toBe(false);
  expect(schemas.isAccountReady({ feedStatus: 'inactive', transactionReady: true })).toBe(false);
  expect(schemas.isAccountReady({ feedStatus: null, transactionReady: true })).toBe(false);
});

test('the text "null" in an enumeration, date or URL is null, but not in a name', () => {
  const odd = { ...account, currency_code: 'null', transaction_start_date: 'null', name: 'null' };
  expect(schemas.accountSchema.parse(odd)).toMatchObject({
    currencyCode: null,
    transactionStartDate: null,
    name: 'null',
  });
});

test.each([
  ['2026-01-05T00:00:00+01:00', '2026-01-04T23:00:00.000Z'],
  ['2026-01-05T00:00:00', '2026-01-05T00:00:00.000Z'],
  ['2026-01-05', '2026-01-05T00:00:00.000Z'],
  ['2026-01-05T00:00:00.123456Z', '2026-01-05T00:00:00.123Z'],
])('the start date %s is the instant %s, in whatever zone this process runs', (text, instant) => {
  expect(schemas.accountSchema.parse({ ...account, transaction_start_date: text }).transactionStartDate).toBe(
    instant,
  );
});

test.each([
  { id: undefined },
  { id: '' },
  { id: 5 },
  { transaction_ready: 'true' },
  { transaction_ready: null },
  { transaction_start_date: 'yesterday' },
  { transaction_start_date: '12' },
  { transaction_start_date: 20260105 },
])('an invalid account is rejected: %j', (change) => {
  expect(schemas.accountSchema.safeParse({ ...account, ...change }).success).toBe(false);
});

test('both answers to POST transactions are read, and no others', () => {
  const jobId = '3f8f2b44-5a0d-4a0c-b1a7-1f7f0c9d7e10';
  const waiting = {
    async_response: { id: jobId, status: 'prequeued', response_url: 'https://elsewhere.test/' },
  };
  expect(schemas.postTransactionsSchema.parse(waiting)).toEqual({
    kind: 'async',
    jobId,
    status: 'prequeued',
  });
  expect(schemas.postTransactionsSchema.parse({ bank_feed_transactions: [] })).toEqual({
    kind: 'done',
    transactions: [],
  });
  for (const other of [
    {},
    [],
    null,
    { id: jobId },
    { bank_feed_transactions: null },
    { async_response: {} },
  ]) {
    expect(schemas.postTransactionsSchema.safeParse(other).success).toBe(false);
  }
});

test('a number given as text is rejected', () => {
  const transaction = { id: 'x', transaction_id: 't', amount: '-84.15' };
  expect(schemas.transactionSchema.safeParse(transaction).success).toBe(false);
  expect(schemas.transactionSchema.safeParse({ ...transaction, amount: -84.15 }).success).toBe(true);
});

test('keys that would change prototypes are only data', () => {
  const body = JSON.parse(
    '{"id":"x","status":"pending","__proto__":{"kind":"success"},"constructor":1}',
  ) as unknown;
  const job = schemas.jobSchema.parse(body);
  expect(job).toEqual({ id: 'x', status: 'pending', response: null });
  expect(({} as { kind?: string }).kind).toBeUndefined();
});

test('an error body of any shape is read as far as possible', () => {
  const nothing = { errorType: null, errorCode: null, errorMessage: null };
  for (const body of [null, 'text', [], 7, {}, { error_code: 7 }]) {
    expect(schemas.errorBodySchema.parse(body)).toEqual(nothing);
  }
  expect(schemas.errorBodySchema.parse({ error_type: 'A', error_code: 'B' })).toEqual({
    errorType: 'A',
    errorCode: 'B',
    errorMessage: null,
  });
});
