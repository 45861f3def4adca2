import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  sageReadAccount,
  type ReadSageAccountResult,
} from '../../../src/activities/sage-banking/account/read-account.js';
import { readSageAccount } from '../../../src/db/sage-banking/accounts.js';
import { makeSageAccount, postStatement, type SageTestAccount } from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';

/* Transactions that no bank should send. One of them is visible as unrecognized; those before and after it are read. */

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture({ workers: false, knobs: { idGapEvery: 3 } });
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
});
afterAll(async () => {
  await fixture.close();
});

/** As much as a fault may hold; with the rest of a page it is more than an answer may have. */
const largeCharacters = 10 * 1024 * 1024 - 300;
const levels = 10_000;
const deepJson = '['.repeat(levels) + ']'.repeat(levels);
const line = (narrative1: string, more: object = {}) => ({
  transactionAmount: -1,
  datePosted: '2024-03-05',
  narrative1,
  ...more,
});

/** Checks the account as its workflow does, until there is no more. */
async function readAll(account: SageTestAccount, checksMax = 3): Promise<void> {
  for (let checks = 0; checks < checksMax; checks += 1) {
    const environment = new MockActivityEnvironment({ attempt: 5 });
    const input = { sageAccountId: account.sageAccountId, waitedMs: 0 };
    const result: ReadSageAccountResult = await environment.run(sageReadAccount(fixture.deps), input);
    if (!result.hasMore) return;
  }
}

async function rowOf(account: SageTestAccount) {
  return (await readSageAccount(fixture.pool, account))!;
}

async function listed(account: SageTestAccount) {
  const path = `/v1/sage/accounts/${account.sageAccountId}/transactions`;
  const answer = await fixture.api('GET', path);
  expect(answer.status).toBe(200);
  return answer.body.transactions as Record<string, unknown>[];
}

async function unrecognized(account: SageTestAccount) {
  const { rows } = await fixture.pool.query<{ id: string; members: string[] }>(
    `SELECT transaction_id AS id, unrecognized_members AS members FROM sage_transactions
      WHERE sage_account_id = $1 AND unrecognized_members IS NOT NULL ORDER BY transaction_id`,
    [account.sageAccountId],
  );
  return rows.map(({ id, members }) => ({ id: Number(id), members }));
}

const rewrite = (find: string, replace: string) =>
  fixture.control('POST', '/faults', { kind: 'rewrite_body', find, replace, times: 0 });

describe('an account whose bank sends', () => {
  it('a transaction nested ten thousand levels deep is read to the end, and the deep member is named', async () => {
    const account = await makeSageAccount(fixture);
    const deep = line('DEEP', { providerAdditionalFields: JSON.parse(deepJson) as unknown });
    const fields = line('DEEP PAYEE', { extra: JSON.parse(`{"a":${deepJson}}`) as unknown });
    await postStatement(fixture, account, [line('BEFORE'), deep, fields, line('AFTER')]);
    await readAll(account);
    expect(await rowOf(account)).toMatchObject({ received: 4, receivedUnrecognized: 1, reason: null });
    const transactions = await listed(account);
    expect(transactions.map((item) => item['transactionNarrative'])).toEqual([
      'BEFORE',
      'DEEP',
      'DEEP PAYEE',
      'AFTER',
    ]);
    const ids = transactions.map((item) => item['transactionId']);
    expect(await unrecognized(account)).toEqual([{ id: ids[2], members: ['extra'] }]);
  });

  it('depth in any member, the suggestions included, is read to the end', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [line('A'), line('B'), line('C')]);
    await rewrite('"narrative1":"B"', `"narrative1":"B","category":${deepJson},"payee":{"x":${deepJson}}`);
    await rewrite('"predictedActions":[]', `"predictedActions":[{"actions":${deepJson}}]`);
    await readAll(account);
    expect(await rowOf(account)).toMatchObject({ received: 3, receivedUnrecognized: 3, reason: null });
    const members = (await unrecognized(account)).map((row) => row.members.sort());
    expect(members).toEqual([
      ['predictedActions'],
      ['category', 'payee', 'predictedActions'],
      ['predictedActions'],
    ]);
    expect(await listed(account)).toHaveLength(3);
  });

  it('depth beside its transactions, in the account itself, is read to the end', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [line('A')]);
    await rewrite('"users":[]', `"users":${deepJson},"authorisationData":{"x":${deepJson}}`);
    await readAll(account);
    expect(await rowOf(account)).toMatchObject({ received: 1, receivedUnrecognized: 0, reason: null });
  });

  it('members called __proto__ and constructor, NUL and half a surrogate pair, keeps them without harm', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [line('A'), line('B')]);
    await rewrite(
      '"narrative1":"A"',
      '"narrative1":"A","__proto__":{"isAdmin":true},"constructor":{"prototype":1},"n\\u0000":"\\u0000\\ud800","":1',
    );
    await readAll(account);
    expect(await rowOf(account)).toMatchObject({ received: 2, receivedUnrecognized: 0, reason: null });
    const [first] = await listed(account);
    expect(Object.keys(first!)).toContain('__proto__');
    expect(JSON.stringify(first)).toContain('"__proto__":{"isAdmin":true}');
    expect(JSON.stringify(first)).toContain('"n\ufffd":"\ufffd\ufffd"');
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined();
  });

  it('a text of a megabyte keeps the transaction without it', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [line('A'), line('B'), line('C')]);
    await rewrite('"narrative1":"B"', `"narrative1":"${'x'.repeat(1_000_000)}"`);
    await readAll(account);
    expect(await rowOf(account)).toMatchObject({ received: 3, receivedUnrecognized: 1, reason: null });
    expect((await unrecognized(account)).map(({ members }) => members)).toEqual([['narrative1']]);
    expect((await listed(account)).map((item) => item['narrative1'])).toEqual(['A', undefined, 'C']);
  });

  it('a transaction larger than an answer may be passes it alone, as unrecognized as a whole', async () => {
    const account = await makeSageAccount(fixture);
    const names = ['A', 'B', 'C', 'D', 'E', 'F', 'G'];
    await postStatement(
      fixture,
      account,
      names.map((name) => line(name)),
    );
    await rewrite('"narrative1":"C"', `"narrative1":"${'x'.repeat(largeCharacters)}"`);
    await readAll(account);
    const row = await rowOf(account);
    expect(row).toMatchObject({ received: 7, receivedUnrecognized: 1, reason: null });
    const transactions = await listed(account);
    expect(transactions.map((item) => item['narrative1'])).toEqual(['A', 'B', undefined, 'D', 'E', 'F', 'G']);
    expect(await unrecognized(account)).toEqual([{ id: transactions[2]!['transactionId'], members: ['*'] }]);
  }, 60_000);

  it('an account object too large to read passes nothing: the cursor stays before what it cannot read', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [line('A'), line('B')]);
    await rewrite('"users":[]', `"users":["${'x'.repeat(largeCharacters)}"]`);
    await readAll(account, 1);
    expect(await rowOf(account)).toMatchObject({
      received: 0,
      lastTransactionId: 0,
      reason: 'sage_answer_not_understood',
    });
  }, 60_000);

  it('whole pages whatever range is asked for passes nothing either', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [line('A'), line('B')]);
    await rewrite('"narrative1":"B"', `"narrative1":"${'x'.repeat(largeCharacters)}"`);
    const sage = fixture.deps.sage!;
    const readTransactions: typeof sage.client.readTransactions = (call) =>
      sage.client.readTransactions({ ...call, startIndex: 1, endIndex: undefined });
    const deps = { ...fixture.deps, sage: { ...sage, client: { ...sage.client, readTransactions } } };
    const result = await new MockActivityEnvironment({ attempt: 5 }).run(sageReadAccount(deps), {
      sageAccountId: account.sageAccountId,
      waitedMs: 0,
    });
    expect(result).toMatchObject({ storedCount: 0, reason: 'sage_answer_not_understood' });
    expect(await rowOf(account)).toMatchObject({ received: 0, lastTransactionId: 0 });
  }, 60_000);
});
