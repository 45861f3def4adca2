import { setTimeout as sleep } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import { sageCancelAccount } from '../../../src/activities/sage-banking/account/cancel-account.js';
import {
  sageReadAccount,
  type ReadSageAccountResult,
} from '../../../src/activities/sage-banking/account/read-account.js';
import type { SageBankingClient, SageTransactionPage } from '../../../src/clients/sage-banking/client.js';
import { SageOutcomeUnknown, SageRefused } from '../../../src/clients/sage-banking/errors.js';
import { ruleTransactions } from '../../../src/db/sage-banking/rule-transactions.js';
import { factsOf } from '../../../src/domain/sage-banking/rules/transaction-facts.js';
import { reviewAlerts } from '../../../src/db/alerts.js';
import { dbChannels } from '../../../src/db/channels.js';
import { channelIds } from '../../../src/domain/channel.js';
import { readSageAccount } from '../../../src/db/sage-banking/accounts.js';
import { sealSageAuthorisation } from '../../../src/db/sage-banking/authorisation.js';
import { storePage } from '../../../src/db/sage-banking/transactions.js';
import { dayMs } from '../../../src/domain/limits.js';
import { sageUnreadCancelAfterMs } from '../../../src/domain/sage-banking/account-limits.js';
import {
  makeSageAccount,
  postStatement,
  someLines,
  type SageTestAccount,
} from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';

/* Single checks and cancellations of an account, with answers that the sandbox does not give. */

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture({ workers: false, statusPollMaxMs: 3_600_000 });
});
afterAll(async () => {
  expect(await fixture.violations()).toEqual([]);
  await fixture.close();
});

/** The dependencies of a worker whose client overrides some calls. */
function depsWith(over: Partial<SageBankingClient> = {}): ActivityDeps {
  const sage = fixture.deps.sage!;
  return { ...fixture.deps, sage: { ...sage, client: { ...sage.client, ...over } } };
}

const readAccount = (
  account: SageTestAccount,
  over: Partial<SageBankingClient> = {},
  { attempt = 1, waitedMs = 0 } = {},
): Promise<ReadSageAccountResult> =>
  new MockActivityEnvironment({ attempt }).run(sageReadAccount(depsWith(over)), {
    sageAccountId: account.sageAccountId,
    waitedMs,
  });

const cancel = (account: SageTestAccount, over: Partial<SageBankingClient> = {}) =>
  new MockActivityEnvironment().run(sageCancelAccount(depsWith(over)), account);

async function requestCancellation(account: SageTestAccount, agoMs: number): Promise<void> {
  await fixture.pool.query(
    `UPDATE sage_accounts SET cancel_requested_at = now() - $2::float8 * interval '1 millisecond'
      WHERE sage_account_id = $1`,
    [account.sageAccountId, agoMs],
  );
}

async function rowOf(account: SageTestAccount) {
  const row = await readSageAccount(fixture.pool, account);
  if (row === null) throw new Error('unknown account');
  return row;
}

const refusing =
  (operation: 'readTransactions' | 'deleteBankAccount', httpStatus: number, errorCode: string | null) =>
  (): Promise<never> =>
    Promise.reject(new SageRefused({ operation, httpStatus, errorCode, errorMessage: null }));

const failingWithUnknownOutcome =
  (reason: 'timeout' | 'unexpected_shape', detail?: string) => (): Promise<never> =>
    Promise.reject(new SageOutcomeUnknown({ operation: 'readTransactions', reason, detail }));

describe('a requested cancellation', () => {
  it('is not completed at once when a gateway, and not Sage, answers that the account does not exist', async () => {
    const account = await makeSageAccount(fixture, { transactions: someLines(1) });
    await requestCancellation(account, 0);
    const checked = await readAccount(account, { readTransactions: refusing('readTransactions', 404, null) });
    expect(checked).toMatchObject({ mustCancel: false, reason: 'read_rejected' });
    expect(checked.nextCheckMs).toBeGreaterThan(0);
    expect(checked.nextCheckMs).toBeLessThanOrEqual(sageUnreadCancelAfterMs);
    expect(
      await cancel(account, { deleteBankAccount: refusing('deleteBankAccount', 404, null) }),
    ).toMatchObject({ cancelled: false });
    expect(await rowOf(account)).toMatchObject({ status: 'active', reason: 'read_rejected' });
  });

  it('is completed at once when Sage itself answers that the account does not exist', async () => {
    const account = await makeSageAccount(fixture, { transactions: someLines(1) });
    await requestCancellation(account, 0);
    expect(
      await readAccount(account, { readTransactions: refusing('readTransactions', 404, 'notFound') }),
    ).toMatchObject({ mustCancel: true, reason: 'sage_account_unknown' });
    expect(
      await cancel(account, { deleteBankAccount: refusing('deleteBankAccount', 404, 'notFound') }),
    ).toMatchObject({ cancelled: true });
    expect((await rowOf(account)).status).toBe('cancelled');
  });

  it('waits for a check that reads everything, up to a limit', async () => {
    const account = await makeSageAccount(fixture, { transactions: someLines(1) });
    const silent = { readTransactions: failingWithUnknownOutcome('timeout') };
    await requestCancellation(account, sageUnreadCancelAfterMs - 60_000);
    await expect(readAccount(account, silent)).rejects.toThrow(SageOutcomeUnknown);
    await requestCancellation(account, sageUnreadCancelAfterMs + 1_000);
    expect(await readAccount(account, silent)).toMatchObject({
      mustCancel: true,
      reason: 'provider_unavailable',
    });
    expect(await cancel(account)).toMatchObject({ cancelled: true });
  });

  it('is carried out with heartbeats', async () => {
    const account = await makeSageAccount(fixture, { transactions: someLines(1) });
    const environment = new MockActivityEnvironment();
    let beats = 0;
    environment.on('heartbeat', () => (beats += 1));
    const slow = { deleteBankAccount: () => sleep(3_500, undefined) };
    await environment.run(sageCancelAccount(depsWith(slow)), account);
    expect(beats).toBeGreaterThan(0);
  });
});

describe('a page that violates the contract', () => {
  it('is retried a few times, then recorded as its own reason with the unreadable members', async () => {
    const account = await makeSageAccount(fixture, { transactions: someLines(1) });
    const malformed = {
      readTransactions: failingWithUnknownOutcome('unexpected_shape', 'transactions.3.transactionId: x'),
    };
    await expect(readAccount(account, malformed)).rejects.toThrow(SageOutcomeUnknown);
    const checked = await readAccount(account, malformed, { attempt: 5 });
    expect(checked).toMatchObject({ mustCancel: false, reason: 'sage_answer_not_understood' });
    expect(await rowOf(account)).toMatchObject({
      status: 'active',
      reason: 'sage_answer_not_understood',
      reasonDetail: 'transactions.3.transactionId: x',
    });
    await reviewAlerts(fixture.pool, dbChannels, {
      feedSyncIntervalMs: dayMs,
      configuredChannels: channelIds,
    });
    expect(await alertsOf(account)).toEqual(['feed_blocked']);
  });
});

describe('a transaction that violates the contract', () => {
  it('is stored unchanged and marked, raises an alert for a week, and does not stop later transactions', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, someLines(4));
    const { client } = fixture.deps.sage!;
    const page = await client.readTransactions({ ...account, startIndex: 1 });
    const [, second, third, last] = page.transactions;
    const unreadable = {
      ...second!,
      transactionAmount: { of: '12.50' },
      transactionNarrative: ['A', 'B'],
      datePosted: 20240105,
      predictedActions: ['none', null],
    };
    const { transactionAmount: _omitted, ...rest } = third!;
    const withoutAmount = { ...rest, currency: { code: 'GBP' } };
    const transactions = [page.transactions[0]!, unreadable, withoutAmount, last!];
    await readAccount(account, { readTransactions: () => Promise.resolve({ ...page, transactions }) });
    const { sageAccountId } = account;
    expect(await rowOf(account)).toMatchObject({
      lastTransactionId: last!.transactionId,
      received: 4,
      receivedUnrecognized: 2,
      reason: null,
    });
    const { rows } = await fixture.pool.query(
      `SELECT body, predicted_actions FROM sage_transactions
        WHERE sage_account_id = $1 AND unrecognized_members IS NOT NULL ORDER BY transaction_id`,
      [sageAccountId],
    );
    expect(rows[0]).toEqual({ body: unreadable, predicted_actions: [] });
    expect(rows[1]).toMatchObject({ body: { currency: { code: 'GBP' } } });
    const timeline = await fixture.pool.query(
      `SELECT detail FROM timeline WHERE feed_id = $1 AND kind = 'sage_transactions_unrecognized'`,
      [sageAccountId],
    );
    const members = [
      'transactionAmount',
      'transactionNarrative',
      'datePosted',
      'predictedActions',
      'currency',
    ];
    const transactionIds = [unreadable.transactionId, withoutAmount.transactionId];
    expect(timeline.rows).toEqual([{ detail: { count: 2, transaction_ids: transactionIds, members } }]);
    await reviewAlerts(fixture.pool, dbChannels, {
      feedSyncIntervalMs: dayMs,
      configuredChannels: channelIds,
    });
    expect(await alertsOf(account)).toEqual(['transactions_unrecognized']);
    await fixture.pool.query(
      `UPDATE sage_accounts SET unrecognized_at = now() - interval '7 days' WHERE sage_account_id = $1`,
      [sageAccountId],
    );
    await reviewAlerts(fixture.pool, dbChannels, {
      feedSyncIntervalMs: dayMs,
      configuredChannels: channelIds,
    });
    expect(await alertsOf(account)).toEqual([]);
  });

  it('is evaluated by rules without its unreadable members, with and without a column list', async () => {
    const account = await makeSageAccount(fixture);
    const { sageAccountId } = account;
    const unreadable = {
      transactionId: 1,
      transactionAmount: '12.50',
      transactionNarrative: 'CARD',
      datePosted: '2024-01-05',
    };
    await storePage(fixture.pool, { sageAccountId, transactions: [unreadable], endIndex: 1 });
    for (const fields of [new Set<string>(), new Set(['payee.city'])]) {
      const rows = [];
      for await (const chunk of ruleTransactions(fixture.pool, { sageAccountId, upToId: 1, fields }))
        rows.push(...chunk);
      expect(rows.map(({ body }) => [factsOf(body).amount(), factsOf(body).narrative()])).toEqual([
        [null, 'CARD'],
      ]);
    }
  });
});

describe('the next check', () => {
  it('of an account with more to read is due at once, also in its row', async () => {
    const account = await makeSageAccount(fixture, { transactions: someLines(1) });
    const { client } = fixture.deps.sage!;
    const page = await client.readTransactions({ ...account, startIndex: 1 });
    const endless: SageTransactionPage = { ...page, transactions: [], hasMore: true };
    const checked = await readAccount(account, { readTransactions: () => Promise.resolve(endless) });
    expect(checked).toMatchObject({ hasMore: true, nextCheckMs: 0 });
    const row = await rowOf(account);
    expect(Date.parse(row.nextReadAt ?? '')).toBeLessThanOrEqual(Date.parse(row.lastReadAt ?? ''));
  });

  it('that is long overdue raises an alert, also for an account that was never checked', async () => {
    const [late, dueSoon, cancelled] = [
      await makeSageAccount(fixture),
      await makeSageAccount(fixture),
      await makeSageAccount(fixture),
    ];
    expect((await rowOf(late)).nextReadAt).not.toBe(null);
    await fixture.pool.query(
      `UPDATE sage_accounts SET next_read_at = now() - interval '61 minutes' WHERE sage_account_id = ANY ($1)`,
      [[late.sageAccountId, cancelled.sageAccountId]],
    );
    await fixture.pool.query(`UPDATE sage_accounts SET status = 'cancelled' WHERE sage_account_id = $1`, [
      cancelled.sageAccountId,
    ]);
    await reviewAlerts(fixture.pool, dbChannels, {
      feedSyncIntervalMs: dayMs,
      configuredChannels: channelIds,
    });
    expect(await alertsOf(late)).toEqual(['feed_late']);
    expect([...(await alertsOf(dueSoon)), ...(await alertsOf(cancelled))]).toEqual([]);
  });
});

describe('the status that Sage reports for an account', () => {
  it('is stored although it has characters that PostgreSQL rejects', async () => {
    const account = await makeSageAccount(fixture, { transactions: someLines(1) });
    const { client } = fixture.deps.sage!;
    const page = await client.readTransactions({ ...account, startIndex: 1 });
    const reported = { ...page.account, statusReason: 'NUL \0 end' };
    const withNul: SageTransactionPage = { ...page, account: reported };
    expect(await readAccount(account, { readTransactions: () => Promise.resolve(withNul) })).toMatchObject({
      reason: null,
    });
    expect((await rowOf(account)).statusReason).toBe('NUL \ufffd end');
  });

  it('of a direct bank shows the authorization while it is awaited, renews it within the hour, and seals it in its row', async () => {
    const account = await makeSageAccount(fixture);
    const { client } = fixture.deps.sage!;
    const form = 'https://bank.example/forms/1?signature=abc';
    await fixture.pool.query(
      `UPDATE sage_accounts SET data_provider = 'direct', authorisation_sealed = $2,
              authorisation_mechanism = '{"type":"instructions","instructions":"Call the branch."}'
        WHERE sage_account_id = $1`,
      [
        account.sageAccountId,
        sealSageAuthorisation(fixture.keyring, {
          ...account,
          authorisation: { formUrl: 'https://bank.example/old' },
        }),
      ],
    );
    const page = await client.readTransactions({ ...account, startIndex: 1 });
    const checkWithStatus = async (status: SageTransactionPage['account']['status'], waitedMs: number) => {
      const reported = { ...page.account, status, authorisationData: { formUrl: form } };
      const readTransactions = () => Promise.resolve({ ...page, account: reported });
      return await readAccount(account, { readTransactions }, { waitedMs });
    };
    const shown = async () =>
      (await fixture.api('GET', `/v1/sage/accounts/${account.sageAccountId}`)).body.authorisation;
    const pending = await checkWithStatus('pending', 10 * dayMs);
    expect(pending.nextCheckMs).toBeLessThanOrEqual(20 * 60_000);
    expect(await shown()).toMatchObject({ formUrl: form, instructions: 'Call the branch.' });
    const { rows } = await fixture.pool.query(`SELECT * FROM sage_accounts WHERE sage_account_id = $1`, [
      account.sageAccountId,
    ]);
    expect(JSON.stringify(rows)).not.toContain('bank.example');
    await checkWithStatus('active', 0);
    expect(await shown()).toBe(null);
    await checkWithStatus('authRequired', 0);
    expect(await shown()).toMatchObject({ instructions: 'Call the branch.' });
  });
});

async function alertsOf({ sageAccountId }: SageTestAccount): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ code: string }>(
    `SELECT code FROM alerts WHERE subject = $1 AND ended_at IS NULL`,
    [sageAccountId],
  );
  return rows.map(({ code }) => code);
}
