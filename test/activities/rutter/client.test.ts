import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askControl } from '../../../sandbox/stand-in/ask-control.js';
import { startRutterSandbox } from '../../../sandbox/rutter/server.js';
import type { RunningSandbox } from '../../../sandbox/rutter/server.js';
import { createRutterClient } from '../../../src/clients/rutter/client.js';
import type { RutterClient } from '../../../src/clients/rutter/client.js';
import { differenceOf } from '../../../src/clients/rutter/compare-transaction.js';
import { isAccountReady, type RutterTransaction } from '../../../src/clients/rutter/schemas.js';
import { serializeBatch, toRutterPosting } from '../../../src/clients/rutter/transform.js';
import type { PostingContent } from '../../../src/clients/rutter/transform.js';
import { rutterErrorOf } from '../../support/rutter/raw-client.js';
import { until } from '../../support/until.js';

const clientId = 'rc_test_51a0';
const clientSecret = 'rs_test_7c1d94e2b0a84f4f';
const platform = 'SAGE_BANK_FEEDS';

let sandbox: RunningSandbox;
let client: RutterClient;
let priorities: string[];

beforeEach(async () => {
  sandbox = await startRutterSandbox({ clientId, clientSecret, knobs: { jobRunMs: 20 } });
  client = clientWith(clientSecret);
});

afterEach(async () => {
  // In every test the client must keep the contract.
  const violations = await control('GET', '/violations');
  await sandbox.close();
  expect(violations).toMatchObject({ violations: [] });
});

function isSame(posting: PostingContent, answer: RutterTransaction, rutterAccountId: string): boolean {
  const { conflicting, altered } = differenceOf(toRutterPosting(posting), answer, rutterAccountId);
  return conflicting.length + altered.length === 0;
}

function clientWith(secret: string): RutterClient {
  priorities = [];
  return createRutterClient({
    baseUrl: sandbox.apiUrl,
    clientId,
    clientSecret: secret,
    version: '2024-08-31',
    limiter: {
      acquire: ({ priority }) => {
        priorities.push(priority);
        return Promise.resolve();
      },
      slowDown: () => Promise.resolve(),
    },
    timeouts: { postTransactionsMs: 2_000, otherMs: 2_000 },
  });
}

function control(method: string, path: string, body?: object): Promise<unknown> {
  return askControl({ url: sandbox.url, method, path, body });
}

/** Creates a connection with one account that the customer has selected in Sage. */
async function activeAccount(): Promise<{ accessToken: string; rutterAccountId: string }> {
  const { accessToken } = await client.createConnection({ platform, idempotencyKey: randomUUID() });
  const created = await client.createAccount({
    accessToken,
    idempotencyKey: randomUUID(),
    account: {
      internalBankAccountId: 'acc-7731',
      bankAccountType: 'bank',
      currencyCode: 'GBP',
      name: 'Trading account',
      bankAccountNumber: '55512094',
      transactionStartDate: '2026-01-05',
    },
  });
  if (created.kind !== 'done') throw new Error('the account was not created synchronously');
  await control('POST', `/accounts/${created.account.id}/select`, {
    transaction_start_date: '2026-01-10T00:00:00.000Z',
  });
  return { accessToken, rutterAccountId: created.account.id };
}

function momentOf(index: number): { postedAt: string; sendAt: string } {
  const sendAt = new Date(Date.UTC(2026, 1, 2) + index * 1_000).toISOString();
  return { postedAt: sendAt, sendAt };
}

function postings(count: number): PostingContent[] {
  return Array.from({ length: count }, (_, index) => ({
    transactionId: `tx-${String(index).padStart(6, '0')}`,
    ...momentOf(index),
    amount: (index % 2 === 0 ? '-' : '') + `${String(index)}.15`,
    description: `CARD ${String(index)}`,
    transactionType: index % 2 === 0 ? 'debit' : 'credit',
    payee: index % 3 === 0 ? null : 'Fuel Stop',
  }));
}

test('a feed goes through connection, account, one-time password, activation, a full batch and read-back', async () => {
  const connection = await client.createConnection({ platform, idempotencyKey: randomUUID() });
  const { accessToken } = connection;
  expect(await client.getConnectionByToken({ accessToken })).toMatchObject({
    id: connection.id,
    platform,
    disabled: false,
    needsUpdate: false,
  });
  expect(await client.getConnectionStatus({ accessToken })).toMatchObject({ isReady: true, isHealthy: true });
  expect(await client.listAllAccounts({ accessToken })).toEqual([]);

  const idempotencyKey = randomUUID();
  const account = {
    internalBankAccountId: 'acc-7731',
    bankAccountType: 'bank' as const,
    currencyCode: 'GBP',
    name: 'Trading account',
    bankAccountNumber: '55512094',
    transactionStartDate: '2026-01-05',
  };
  const created = await client.createAccount({ accessToken, idempotencyKey, account });
  if (created.kind !== 'done') throw new Error('the account was not created synchronously');
  const { id: rutterAccountId } = created.account;
  expect(created.account).toMatchObject({ internalBankAccountId: 'acc-7731', feedStatus: 'inactive' });
  expect(await client.createAccount({ accessToken, idempotencyKey, account })).toMatchObject({
    account: { id: rutterAccountId },
  });
  expect(await client.createOtp({ accessToken, idempotencyKey: randomUUID() })).toMatchObject({
    otp: expect.any(String) as string,
    redirectUri: expect.stringContaining('/sage_redirect') as string,
  });

  await control('POST', `/accounts/${rutterAccountId}/select`, {
    transaction_start_date: '2026-01-10T00:00:00.000Z',
  });
  const chosen = await client.getAccount({ accessToken, rutterAccountId });
  expect(isAccountReady(chosen)).toBe(true);
  expect(chosen.transactionStartDate).toBe('2026-01-10T00:00:00.000Z');

  const sent = postings(1_000);
  const { body } = serializeBatch({ rutterAccountId, postings: sent });
  const result = await client.postTransactions({ accessToken, idempotencyKey: randomUUID(), body });
  if (result.kind !== 'done') throw new Error('the batch was not done synchronously');
  expect(result.jobId).not.toBeNull();
  const differing = sent.filter((posting, index) => {
    const answer = result.transactions[index];
    return answer?.duplicate !== false || !isSame(posting, answer, rutterAccountId);
  });
  expect(differing).toEqual([]);

  const first = await client.listTransactions({ accessToken, limit: 600 });
  expect(first.transactions).toHaveLength(500);
  const second = await client.listTransactions({ accessToken, cursor: first.nextCursor ?? '' });
  expect(second).toMatchObject({ nextCursor: null });
  const ids = new Set([...first.transactions, ...second.transactions].map((each) => each.transactionId));
  expect(ids.size).toBe(1_000);
});

test('the same bytes under the same key are booked once, and other bytes under the key are refused', async () => {
  const { accessToken, rutterAccountId } = await activeAccount();
  const idempotencyKey = randomUUID();
  const { body } = serializeBatch({ rutterAccountId, postings: postings(3) });
  const first = await client.postTransactions({ accessToken, idempotencyKey, body });
  expect(await client.postTransactions({ accessToken, idempotencyKey, body })).toEqual(first);
  const again = await client.postTransactions({ accessToken, idempotencyKey: randomUUID(), body });
  if (again.kind !== 'done') throw new Error('the batch was not done synchronously');
  expect(again.transactions.map((each) => each.duplicate)).toEqual([true, true, true]);

  const other = serializeBatch({ rutterAccountId, postings: postings(2) });
  const refusal = await rutterErrorOf(
    client.postTransactions({ accessToken, idempotencyKey, body: other.body }),
  );
  expect(refusal).toMatchObject({ kind: 'refused', httpStatus: 409 });
  await control('DELETE', '/violations');
});

test('a slow batch is polled by its job to the same result', async () => {
  const { accessToken, rutterAccountId } = await activeAccount();
  await control('POST', '/knobs', { preferSyncWindowMs: 50, jobRunMs: 400 });
  const sent = postings(2);
  const { body } = serializeBatch({ rutterAccountId, postings: sent });
  const accepted = await client.postTransactions({ accessToken, idempotencyKey: randomUUID(), body });
  if (accepted.kind !== 'async') throw new Error('the batch was done synchronously');
  expect(await client.getJob({ jobId: accepted.jobId })).toMatchObject({ kind: 'running' });
  const end = await until(
    async () => {
      const job = await client.getJob({ jobId: accepted.jobId });
      return job.kind === 'running' ? undefined : job;
    },
    { timeoutMs: 5_000, describe: 'the job has ended' },
  );
  if (end.kind !== 'success') throw new Error('the job failed');
  expect(
    end.transactions.map((each, index) =>
      isSame(sent[index] ?? (sent[0] as PostingContent), each, rutterAccountId),
    ),
  ).toEqual([true, true]);
});

test('a failed job reports the answer of the platform, and a refused batch has synced nothing', async () => {
  const { accessToken, rutterAccountId } = await activeAccount();
  await control('POST', '/faults', { kind: 'platform_bad_request', match: { path: 'transactions' } });
  const { body } = serializeBatch({ rutterAccountId, postings: postings(1) });
  const idempotencyKey = randomUUID();
  const refusal = await rutterErrorOf(client.postTransactions({ accessToken, idempotencyKey, body }));
  if (refusal.kind !== 'refused') throw new Error(refusal.kind);
  expect(refusal).toMatchObject({ httpStatus: 450, accepted: true });
  const job = await client.getJob({ jobId: refusal.jobId ?? '' });
  expect(job).toMatchObject({ kind: 'failure', httpStatus: 450 });
  expect(await client.listTransactions({ accessToken })).toMatchObject({ transactions: [] });
});

test.each(['before_any_byte', 'after_headers', 'half_body'])(
  'an answer lost by a reset (%s) is an unknown outcome, resolved by the same bytes and key',
  async (point) => {
    const { accessToken, rutterAccountId } = await activeAccount();
    await control('POST', '/faults', { kind: 'reset_after_effect', point, match: { path: 'transactions' } });
    const { body } = serializeBatch({ rutterAccountId, postings: postings(2) });
    const batch = { accessToken, idempotencyKey: randomUUID(), body };
    expect(await rutterErrorOf(client.postTransactions(batch))).toMatchObject({ kind: 'outcome_unknown' });
    const completed = await client.postTransactions(batch);
    if (completed.kind !== 'done') throw new Error('the batch was not done synchronously');
    expect(completed.transactions.map((each) => each.duplicate)).toEqual([false, false]);
  },
);

test('unusual but valid answers are read: null enumerations as text, unknown fields, no redirect', async () => {
  await control('POST', '/knobs', { nullEnumText: true, extraFields: true, nullRedirectUri: true });
  const { accessToken, rutterAccountId } = await activeAccount();
  expect(await client.getAccount({ accessToken, rutterAccountId })).toMatchObject({ feedStatus: 'active' });
  const otp = await client.createOtp({ accessToken, idempotencyKey: randomUUID() });
  expect(otp.redirectUri).toBeNull();
});

test('rejected credentials of ours are distinguished from a bad token of one connection', async () => {
  const badToken = await rutterErrorOf(client.listAccounts({ accessToken: randomUUID() }));
  expect(badToken).toMatchObject({ kind: 'unauthorized' });
  expect(await client.probeCredentials()).toBe('good');
  const badCredentials = clientWith('rs_test_wrong_secret');
  expect(await badCredentials.probeCredentials()).toBe('refused');
});

test('the public token of a customer who used Rutter Link yields a connection once', async () => {
  const made = (await control('POST', '/public-tokens', { platform: 'SAGE_INTACCT' })) as {
    public_token: string;
  };
  const exchanged = await client.exchangePublicToken({ publicToken: made.public_token });
  expect(exchanged).toMatchObject({ platform: 'SAGE_INTACCT' });
  expect(await client.listAllAccounts({ accessToken: exchanged.accessToken })).toEqual([]);
  const again = await rutterErrorOf(client.exchangePublicToken({ publicToken: made.public_token }));
  expect(again).toMatchObject({ kind: 'refused', httpStatus: 400 });
});

test('deleting a connection twice reports that it no longer exists', async () => {
  const { id: connectionId } = await client.createConnection({ platform, idempotencyKey: randomUUID() });
  expect(await client.deleteConnection({ connectionId })).toBe('deleted');
  expect(await client.deleteConnection({ connectionId })).toBe('gone');
});

test('every request acquires a turn of the limiter in the priority of its work', async () => {
  const { accessToken, rutterAccountId } = await activeAccount();
  priorities.length = 0;
  const { body } = serializeBatch({ rutterAccountId, postings: postings(1) });
  await client.postTransactions({ accessToken, idempotencyKey: randomUUID(), body });
  await client.listTransactions({ accessToken });
  await client.getAccount({ accessToken, rutterAccountId, priority: 'delivery' });
  await client.listAllAccounts({ accessToken });
  await client.probeCredentials();
  expect(priorities).toEqual(['delivery', 'delivery', 'delivery', 'interactive', 'interactive']);
});
