import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sageReadAccount } from '../../../src/activities/sage-banking/account/read-account.js';
import { computePreview } from '../../../src/activities/sage-banking/rules/preview-rule.js';
import { readSageAccount } from '../../../src/db/sage-banking/accounts.js';
import { listSageFeeds } from '../../../src/db/sage-banking/customer-feeds.js';
import { beginSageReprocess } from '../../../src/db/sage-banking/reprocesses.js';
import { countPendingTransactions } from '../../../src/db/sage-banking/restored-rules.js';
import { storePage } from '../../../src/db/sage-banking/transactions.js';
import { makeSageAccount, postStatement, type SageTestAccount } from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';
import { randomUUID } from 'node:crypto';

/* Corrected transactions (contract 7.2): in lists, previews and counts, and on request. */

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture({ workers: false, knobs: { idGapEvery: 0 } });
});
afterAll(async () => {
  expect(await fixture.violations()).toEqual([]);
  await fixture.close();
});

const day = { datePosted: '2024-03-05' };
const line = (uniqueId: string, transactionAmount: number, more: object = {}) => ({
  ...day,
  uniqueId,
  transactionAmount,
  narrative1: uniqueId,
  ...more,
});
const replacing = (correctionId: string) => ({ correctionId, correctionAction: 'REPLACE' });
const removing = (correctionId: string) => ({ correctionId, correctionAction: 'DELETE' });

async function read(account: SageTestAccount): Promise<void> {
  await new MockActivityEnvironment().run(sageReadAccount(fixture.deps), {
    sageAccountId: account.sageAccountId,
    waitedMs: 0,
  });
}

async function shown(account: SageTestAccount, query = '') {
  const answer = await fixture.api('GET', `/v1/sage/accounts/${account.sageAccountId}/transactions${query}`);
  expect(answer.status).toBe(200);
  const names = (answer.body.transactions as { narrative1: string }[]).map(({ narrative1 }) => narrative1);
  return { names, corrected: answer.body.corrected as unknown };
}

async function countsOf(account: SageTestAccount) {
  const { received, receivedCorrected } = (await readSageAccount(fixture.pool, account))!;
  return { received, receivedCorrected };
}

describe('a correction', () => {
  it('that replaces or removes a transaction does so in lists, counts, previews and pending ones', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [line('a', -10), line('b', -20), line('c', -30)]);
    await read(account);
    await postStatement(fixture, account, [line('a2', -11, replacing('a')), line('b2', -20, removing('b'))]);
    await read(account);

    expect(await shown(account)).toEqual({ names: ['c', 'a2'], corrected: undefined });
    expect(await shown(account, '?include=corrected')).toEqual({
      names: ['a', 'b', 'c', 'a2', 'b2'],
      corrected: [
        { transaction_id: 1, corrected_by: 4 },
        { transaction_id: 2, corrected_by: 5 },
        { transaction_id: 5, corrected_by: null },
      ],
    });
    const { body } = await fixture.api('GET', `/v1/sage/accounts/${account.sageAccountId}`);
    expect(body).toMatchObject({ received: 2, received_corrected: 3, last_transaction_id: 5 });
    const feed = await fixture.api('GET', `/v1/feeds/${account.sageAccountId}`);
    expect(feed.body.counts).toEqual({ received: 2 });
    const [card] = await listSageFeeds(fixture.pool, { customerId: account.customerId, limit: 10 });
    expect(card).toMatchObject({ received: '2' });
    const row = (await readSageAccount(fixture.pool, account))!;
    const preview = await computePreview({
      pool: fixture.pool,
      signal: new AbortController().signal,
      account: row,
      rules: null,
      draft: {
        ruleName: 'All that goes out',
        ruleConditions: [{ ruleField: '$baseType', ruleOperation: 'eq', ruleCriteria: 'debit' }],
        ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'N', code: '1' }] }],
      },
    });
    expect(preview).toMatchObject({ checked_count: 2, hits: 2, transaction_ids: [3, 4] });
    expect(await countPendingTransactions(fixture.pool, account)).toBe(2);
    const reprocessId = randomUUID();
    const begun = await beginSageReprocess(fixture.pool, { ...account, reprocessId, transactionIds: null });
    expect(begun).toMatchObject({ outcome: 'begun', reprocess: { total: 2 } });
    const timeline = await fixture.pool.query(
      `SELECT detail FROM timeline WHERE feed_id = $1 AND kind = 'sage_transactions_corrected'`,
      [account.sageAccountId],
    );
    expect(timeline.rows).toEqual([
      { detail: { replaced: 1, removed: 1, without_original: 0, transaction_ids: [4, 5] } },
    ]);
  });

  it('of a correction goes on with what that one left: the last one counts', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [
      line('a', -10),
      line('a2', -11, replacing('a')),
      line('a3', -12, replacing('a2')),
      line('b', -20),
      line('b2', -21, replacing('b')),
      line('b3', -22, replacing('b')),
      line('c', -30),
      line('c2', -30, removing('c')),
      line('c3', -31, replacing('c')),
      line('d', -40),
      line('d2', -41, replacing('d')),
      line('d3', -41, removing('d2')),
    ]);
    await read(account);
    expect((await shown(account)).names).toEqual(['a3', 'b3', 'c3']);
    expect(await countsOf(account)).toEqual({ received: 12, receivedCorrected: 9 });
  });

  it('names its original by Sage’s id of it where no server id fits, and only in the same account and before it', async () => {
    const account = await makeSageAccount(fixture);
    const other = await makeSageAccount(fixture);
    await postStatement(fixture, other, [line('a', -10)]);
    await read(other);
    await postStatement(fixture, account, [
      line('early', -1, replacing('later')),
      line('x', -2),
      line('x2', -3, replacing('2')),
      line('lost', -4, removing('never sent')),
      line('self', -5, replacing('self')),
      line('later', -6),
      line('other', -7, removing('a')),
    ]);
    await read(account);
    expect((await shown(account)).names).toEqual(['early', 'x2', 'self', 'later']);
    expect((await shown(other)).names).toEqual(['a']);
    expect(await countsOf(account)).toEqual({ received: 7, receivedCorrected: 3 });
    expect(await countsOf(other)).toEqual({ received: 1, receivedCorrected: 0 });
  });

  it('that cannot be read corrects nothing, and is reported as unrecognized', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [
      line('a', -10),
      line('a2', -11, { correctionId: 'a', correctionAction: 'AMEND' }),
    ]);
    await read(account);
    expect((await shown(account)).names).toEqual(['a', 'a2']);
    expect(await readSageAccount(fixture.pool, account)).toMatchObject({ receivedUnrecognized: 1 });
  });

  it('that is stored twice counts once, also with ids too long for an index', async () => {
    const account = await makeSageAccount(fixture);
    const long = 'u'.repeat(50_000);
    const transactions = [
      { transactionId: 1, transactionAmount: 1, serverTransactionId: long, narrative1: 'long' },
      { transactionId: 2, transactionAmount: 2, correctionId: long, correctionAction: 'DELETE' },
      { transactionId: 3, transactionAmount: 3, serverTransactionId: 'n\0', narrative1: 'nul' },
      {
        transactionId: 4,
        transactionAmount: 3,
        correctionId: 'n\0',
        correctionAction: 'REPLACE',
        narrative1: 'new',
      },
    ];
    for (let times = 0; times < 2; times += 1) {
      await storePage(fixture.pool, { ...account, transactions, endIndex: 4 });
    }
    expect((await shown(account)).names).toEqual(['new']);
    expect(await countsOf(account)).toEqual({ received: 4, receivedCorrected: 3 });
  });

  it('that was stored before corrections were known is applied by the migration', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [
      line('a', -10),
      line('a2', -11, replacing('a')),
      line('a3', -11, removing('a2')),
      line('b', -20),
      line('b2', -20, removing('4')),
      line('b3', -21, replacing('4')),
      line('odd', -22, { correctionId: 'a', correctionAction: 'AMEND' }),
    ]);
    await read(account);
    const before = await correctionColumns(account);
    expect(before.map(({ corrected_by }) => corrected_by)).toEqual(['2', '3', null, '5', '6', null, null]);
    const counts = await countsOf(account);
    await fixture.pool.query(
      `UPDATE sage_transactions SET correction_action = NULL, corrected_by = NULL WHERE sage_account_id = $1`,
      [account.sageAccountId],
    );
    await fixture.pool.query(`UPDATE sage_accounts SET received_corrected = 0`);
    await fixture.pool.query(backfillOf('0011_sage_banking.sql'));
    expect(await correctionColumns(account)).toEqual(before);
    expect(await countsOf(account)).toEqual(counts);
  });
});

async function correctionColumns(account: SageTestAccount) {
  const { rows } = await fixture.pool.query<{
    correction_action: string | null;
    corrected_by: string | null;
  }>(
    `SELECT correction_action, corrected_by FROM sage_transactions WHERE sage_account_id = $1 ORDER BY transaction_id`,
    [account.sageAccountId],
  );
  return rows;
}

/** The statements of a migration that change rows. */
function backfillOf(file: string): string {
  const sql = readFileSync(join(import.meta.dirname, '../../../migrations', file), 'utf8');
  return sql.slice(sql.indexOf('UPDATE sage_transactions'));
}
