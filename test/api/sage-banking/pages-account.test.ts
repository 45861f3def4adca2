import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  makeSageAccount,
  makeSageCompany,
  postStatement,
  someLines,
  storeTransactions,
  type SageTestAccount,
} from '../../support/sage-banking/account.js';
import { storePage } from '../../../src/db/sage-banking/transactions.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';
import { send, completed, signInTo, textOf } from './pages-fixture.js';

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterAll(async () => {
  await fixture.close();
});

const feeRule = {
  ruleName: 'Fees',
  ruleConditions: [{ ruleField: 'transactionNarrative', ruleOperation: 'contains', ruleCriteria: 'FEE' }],
  ruleActions: [
    {
      splitPercentage: 50,
      accountantNarrative: 'half',
      accountsPostings: [{ type: 'NOMINAL', code: '7500' }],
    },
    { splitPercentage: 100, accountsPostings: [{ type: 'NOMINAL', code: '7600' }] },
  ],
};
const lines = [
  { transactionAmount: 1250, datePosted: '2024-03-05', narrative1: '<i>INVOICE</i> 9' },
  { transactionAmount: -12.5, datePosted: '2024-03-06', narrative1: 'FEE MARCH' },
  { transactionAmount: -0.5, datePosted: '2024-03-07', narrative1: 'FEE SMALL' },
];

/** A customer with an account, signed in. */
async function holder(transactions: Parameters<typeof makeSageAccount>[1] = {}) {
  const customer = await signInTo(fixture);
  const account = await makeSageAccount(fixture, { ...customer, ...transactions });
  return { ...customer, account, path: `/status/sage/accounts/${account.sageAccountId}` };
}

async function createRule(account: SageTestAccount, rule: object = feeRule): Promise<string> {
  const answer = await fixture.api('POST', `/v1/sage/accounts/${account.sageAccountId}/rules`, {
    json: rule,
  });
  expect(answer.status).toBe(201);
  return answer.body.ruleId;
}

async function becomes(account: SageTestAccount, status: string): Promise<void> {
  await until(
    async () => {
      const { rows } = await fixture.pool.query<{ status: string }>(
        `SELECT status FROM sage_accounts WHERE sage_account_id = $1`,
        [account.sageAccountId],
      );
      return rows[0]?.status === status;
    },
    { timeoutMs: 20_000, describe: `the account is ${status}` },
  );
}

describe('the page of an account', () => {
  test('shows its status, what was received, and the kind of each suggestion, names escaped', async () => {
    const { visitor, account, path } = await holder();
    await createRule(account);
    await postStatement(fixture, account, lines);
    await storeTransactions(fixture, account);
    const page = await visitor.get(path);
    const words = textOf(page);
    expect(words).toContain('Up to date');
    expect(words).toContain('Transactions received 3');
    expect(words).toContain('1,250.00');
    expect(words).toContain('−12.50');
    expect(words).toContain('Suggestion: −6.25 GBP: NOMINAL 7500, half, by rule Fees');
    expect(words).toContain('nothing is booked before you book it in Sage');
    expect(words).toContain('<i>INVOICE</i> 9');
    expect(page.text).not.toContain('<i>INVOICE');
  });

  test('says up to date only of an account that was read and is read again in time', async () => {
    const { visitor, account, path } = await holder({ transactions: lines });
    const set = async (assignments: string) => {
      await fixture.pool.query(`UPDATE sage_accounts SET ${assignments} WHERE sage_account_id = $1`, [
        account.sageAccountId,
      ]);
      const [own, list] = [textOf(await visitor.get(path)), textOf(await visitor.get('/status'))];
      return { own, list };
    };
    const fresh = `last_read_at = now(), next_read_at = now() + interval '1 hour'`;
    for (const page of Object.values(await set(fresh))) expect(page).toContain('Up to date');
    const cases = [
      ['cancel_requested_at = now()', 'Being disconnected'],
      [`cancel_requested_at = NULL, next_read_at = now() - interval '61 minutes'`, 'Held up'],
      [`${fresh}, reason = 'read_rejected'`, 'Held up'],
      ['reason = NULL, last_read_at = NULL, next_read_at = now()', 'Being read'],
      [`last_read_at = now(), status = 'authRequired', cancel_requested_at = now()`, 'Being disconnected'],
    ] as const;
    for (const [assignments, label] of cases) {
      for (const page of Object.values(await set(assignments))) {
        expect(page).toContain(label);
        expect(page).not.toContain('Up to date');
      }
    }
  });

  test('shows the balances as the bank last reported them, in whole numbers of their currency', async () => {
    const { visitor, account, path } = await holder();
    const statement = { transactions: [], balance: -1234.5 };
    await fixture.control('POST', `/accounts/${account.bankAccountId}/transactions`, statement);
    await fixture.deps.sage!.workflows.wakeAccount(account);
    await until(async () => textOf(await visitor.get(path)).includes('Balance at the bank −1,234.50 GBP'), {
      timeoutMs: 20_000,
      describe: 'the balance is shown',
    });
    expect(textOf(await visitor.get('/status'))).toContain('Balance at the bank −1,234.50 GBP');
    const balances = async () =>
      (await fixture.api('GET', `/v1/sage/accounts/${account.sageAccountId}`)).body.balances as unknown;
    expect(await balances()).toEqual({
      ledger: '-1234.5',
      ledger_date: null,
      available: null,
      available_date: null,
      read_at: expect.any(String),
    });
    await fixture.pool.query(
      `UPDATE sage_accounts SET currency = 'JPY', ledger_balance = 1000000, ledger_balance_date = '2026-03-05',
              available_balance = -1500 WHERE sage_account_id = $1`,
      [account.sageAccountId],
    );
    const words = textOf(await visitor.get(path));
    expect(words).toContain('Balance at the bank 1,000,000 JPY on 5 March 2026');
    expect(words).toContain('Available at the bank −1,500 JPY');
  });

  test('writes amounts with the decimals of their currency, and never with a power of ten', async () => {
    const { visitor, account, path } = await holder();
    const amounts: [number, string][] = [
      [-1500, 'JPY'],
      [1e-7, 'GBP'],
      [1e21, 'GBP'],
      [1.2345, 'GBP'],
      [1.5, 'KWD'],
    ];
    const transactions = amounts.map(([transactionAmount, currency], index) => ({
      transactionId: index + 1,
      transactionAmount,
      currency,
    }));
    await storePage(fixture.pool, { ...account, transactions, endIndex: 5 });
    const words = textOf(await visitor.get(path));
    for (const printed of [
      '−1,500 JPY',
      '0.0000001 GBP',
      '1,000,000,000,000,000,000,000.00 GBP',
      '1.2345 GBP',
      '1.500 KWD',
    ]) {
      expect(words).toContain(` ${printed}`);
    }
  });

  test('shows corrected transactions on request alone, and what each correction does', async () => {
    const { visitor, account, path } = await holder();
    const transactions = [
      { transactionId: 1, transactionAmount: 1, transactionNarrative: 'OLD', serverTransactionId: 'u-1' },
      { transactionId: 2, transactionAmount: 2, transactionNarrative: 'GONE', serverTransactionId: 'u-2' },
      {
        transactionId: 3,
        transactionAmount: 3,
        transactionNarrative: 'NEW',
        correctionId: 'u-1',
        correctionAction: 'REPLACE',
      },
      {
        transactionId: 4,
        transactionAmount: 4,
        transactionNarrative: 'MARK',
        correctionId: 'u-2',
        correctionAction: 'DELETE',
      },
    ];
    await storePage(fixture.pool, { ...account, transactions, endIndex: 4 });
    const words = textOf(await visitor.get(path));
    expect(words).toContain('Transactions received 1');
    expect(words).toContain('NEW 3.00 GBP Sent by the bank as a correction of an earlier transaction');
    for (const hidden of ['OLD', 'GONE', 'MARK']) expect(words).not.toContain(hidden);
    expect(words).toContain('Show corrected transactions, too');
    const page = await visitor.get(`${path}?include=corrected`);
    expect(textOf(page)).toContain('OLD 1.00 GBP Corrected by the bank: no longer counted');
    expect(textOf(page)).toContain('MARK 4.00 GBP Sent by the bank to remove an earlier transaction');
    expect(page.text.match(/name="transaction_id"/g)).toHaveLength(1);
  });

  test('prints times in the zone of the customer, and a start date as the day it is', async () => {
    const { visitor, account, path, customerId } = await holder({ transactions: lines });
    await fixture.pool.query(`UPDATE customers SET time_zone = 'America/New_York' WHERE customer_id = $1`, [
      customerId,
    ]);
    await fixture.pool.query(
      `UPDATE sage_accounts SET last_read_at = '2026-03-05T02:30:00Z', ledger_balance = 1, balances_at = now(),
              ledger_balance_date = '2026-03-05T02:30:00Z' WHERE sage_account_id = $1`,
      [account.sageAccountId],
    );
    for (const page of [path, '/status']) {
      const words = textOf(await visitor.get(page));
      expect(words).toMatch(/Last asked 4 Mar 2026, 21:30/);
      expect(words).toContain('Balance at the bank 1.00 GBP on 4 March 2026');
      expect(words).toContain('Start date 1 January 2024');
    }
  });

  test('cuts a long narrative', async () => {
    const { visitor, account, path } = await holder();
    const transactions = [
      { transactionId: 1, transactionAmount: 1, transactionNarrative: '😀'.repeat(300) },
      { transactionId: 2, transactionAmount: 1, transactionNarrative: 'y'.repeat(100_000) },
    ];
    await storePage(fixture.pool, { ...account, transactions, endIndex: 2 });
    const page = await visitor.get(path);
    expect(page.text).toContain(`${'y'.repeat(300)}…`);
    expect(page.text).toContain(`${'😀'.repeat(300)}<`);
    expect(page.text).not.toContain('y'.repeat(301));
  });

  test('marks a transaction in an unusual form as kept, and shows what can be read of it', async () => {
    const { visitor, account, path } = await holder();
    const odd = { transactionId: 1, transactionAmount: '12.50', transactionNarrative: 'Rent' };
    await storePage(fixture.pool, { ...account, transactions: [odd], endIndex: 1 });
    const words = textOf(await visitor.get(path));
    expect(words).toContain('Some of these transactions came in an unusual form');
    expect(words).toContain('Rent amount not readable');
  });

  test('shows no partial suggestion: one that may not be shown or cannot be read counts as none', async () => {
    const { visitor, account, path } = await holder({ transactions: lines.slice(0, 1) });
    const show = async (predictedActions: unknown[]) => {
      await fixture.pool.query(
        `UPDATE sage_transactions SET predicted_actions = $2 WHERE sage_account_id = $1`,
        [account.sageAccountId, JSON.stringify(predictedActions)],
      );
      return textOf(await visitor.get(path));
    };
    const part = { grossAmount: -1, postingInstructions: [{ type: 'NOMINAL', code: '4711' }] };
    expect(await show([{ actions: { accountsPostings: [part] } }])).toContain('NOMINAL 4711, by Sage');
    for (const hidden of [
      { actions: { showToUser: false, accountsPostings: [part] } },
      { actions: 'NOMINAL 4711' },
      { actions: { accountsPostings: { code: '4711' } } },
      null,
      'NOMINAL 4711',
    ]) {
      const words = await show([hidden]);
      expect(words).not.toContain('4711');
      expect(words).toContain('No suggestion');
    }
  });

  test.each([
    ['pending', 'Waiting for the bank'],
    ['active', 'Up to date'],
    ['authRequired', 'The bank wants you to authorise the account again'],
    ['cancelled', 'Nothing comes in any more'],
  ])('in status %s shows what to do, as /status does: %s', async (status, advice) => {
    const { visitor, account, path } = await holder();
    await fixture.pool.query(
      `UPDATE sage_accounts SET status = $2, last_read_at = now() WHERE sage_account_id = $1`,
      [account.sageAccountId, status],
    );
    const page = await visitor.get(path);
    expect(textOf(page)).toContain(advice);
    expect(page.text.includes(`${path}/disconnect`)).toBe(status !== 'cancelled');
    expect(page.text.includes(`${path}/reauthorise`)).toBe(status === 'authRequired');
    const list = await visitor.get('/status');
    expect(textOf(list)).toContain(advice);
    expect(list.text).toContain(`href="${path}"`);
    expect(list.text.includes(`${path}/reauthorise`)).toBe(status === 'authRequired');
  });
});

describe('an account that cannot be read', () => {
  test.each([
    ['provider_unavailable', 'Sage is not answering at the moment'],
    ['sage_company_refused', 'does not accept your company'],
    ['sage_account_unknown', 'does not know this account'],
  ])('for %s is held up, not up to date, and shows why: %s', async (reason, words) => {
    const { visitor, account, path } = await holder();
    await fixture.pool.query(
      `UPDATE sage_accounts SET status = 'active', reason = $2, reason_at = now() WHERE sage_account_id = $1`,
      [account.sageAccountId, reason],
    );
    for (const address of [path, '/status']) {
      const page = await visitor.get(address);
      expect(textOf(page)).toContain('Held up');
      expect(textOf(page)).toContain(words);
      expect(textOf(page)).not.toContain('Up to date');
      expect(page.text).not.toContain('class="state is-good"');
    }
  });
});

describe('an account that is being disconnected', () => {
  test('offers nothing else, and refuses what an older page still offers', async () => {
    const { visitor, account, path } = await holder({ transactions: lines });
    const set = (sql: string) =>
      fixture.pool.query(`UPDATE sage_accounts SET ${sql} WHERE sage_account_id = $1`, [
        account.sageAccountId,
      ]);
    await set(`status = 'authRequired'`);
    const before = await visitor.get(path);
    expect(before.text).toContain(`${path}/reauthorise`);
    await set(`cancel_requested_at = now()`);
    const page = await visitor.get(path);
    for (const offer of ['/reauthorise', '/reprocess', '/rules', '/restore']) {
      expect([offer, page.text.includes(`${path}${offer}`)]).toEqual([offer, false]);
    }
    expect((await visitor.get('/status')).text).not.toContain(`${path}/reauthorise`);
    expect((await send(visitor, before, `${path}/reauthorise`)).status).toBe(409);
    expect((await send(visitor, before, `${path}/reprocess`, { of: 'all' })).status).toBe(409);
    expect((await visitor.get(`${path}/rules`)).status).toBe(409);
  });
});

describe('an account of a direct bank', () => {
  const direct = async (sql: string) => {
    const made = await holder();
    await fixture.pool.query(
      `UPDATE sage_accounts SET data_provider = 'direct', status = 'authRequired', bank_name = 'Mill', ${sql}
        WHERE sage_account_id = $1`,
      [made.account.sageAccountId],
    );
    return made;
  };

  test('that has to be authorised again shows the bank’s instructions', async () => {
    const { visitor, path } = await direct(
      `authorisation_mechanism = '{"type": "instructions", "instructions": "Ask your <branch>."}'`,
    );
    const page = await visitor.get(path);
    expect(textOf(page)).toContain('Ask your <branch>.');
    expect(page.text).not.toContain('<branch>');
  });

  test('without instructions sends its customer to the bank', async () => {
    const { visitor, path } = await direct('authorisation_mechanism = NULL');
    expect(textOf(await visitor.get(path))).toContain('Ask Mill what you have to do');
  });

  test('is checked again when what it shows may have expired', async () => {
    const fresh = await direct(`last_read_at = now() - interval '5 minutes'`);
    const spent = await direct(`last_read_at = now() - interval '31 minutes'`);
    for (const { visitor, path } of [fresh, spent]) expect((await visitor.get(path)).status).toBe(200);
    const lastRead = async ({ account }: typeof spent) => {
      const { rows } = await fixture.pool.query<{ age: number }>(
        `SELECT extract(epoch FROM now() - last_read_at)::int AS age FROM sage_accounts WHERE sage_account_id = $1`,
        [account.sageAccountId],
      );
      return rows[0]!.age;
    };
    await until(async () => (await lastRead(spent)) < 120, {
      timeoutMs: 20_000,
      describe: 'the account was checked',
    });
    expect(await lastRead(fresh)).toBeGreaterThanOrEqual(300);
  });
});

describe('authorising again', () => {
  test('leads through the bank’s pages and back to an account that continues', async () => {
    const { visitor, account, path } = await holder({ transactions: lines });
    await fixture.deps.sage!.workflows.wakeAccount(account);
    await postStatement(fixture, account, [], { status: 'authRequired' });
    await becomes(account, 'authRequired');
    const page = await visitor.get(path);
    const begun = await send(visitor, page, `${path}/reauthorise`);
    const twice = await send(visitor, page, `${path}/reauthorise`);
    expect(twice.location).toBe(begun.location);
    const href = await until(
      async () => /href="([^"]+)"\s+target="_blank"/.exec((await visitor.get(begun.location!)).text)?.[1],
      { timeoutMs: 20_000, describe: 'the bank consent is shown' },
    );
    const id = new URL(href.replaceAll('&amp;', '&')).searchParams.get('authorisation_id')!;
    await fixture.control('POST', `/links/${id}/finish`, {});
    const done = await completed(visitor, begun.location!);
    expect(textOf(done)).toContain('The account is authorised again');
    expect(done.text).toContain(`href="${path}"`);
    await becomes(account, 'active');
    expect(await fixture.violations()).toEqual([]);
  });

  test('is not begun for an account whose bank does not require it', async () => {
    const { visitor, path, customerId } = await holder({ transactions: lines });
    const answer = await send(visitor, await visitor.get(path), `${path}/reauthorise`);
    expect(answer.status).toBe(409);
    const { rows } = await fixture.pool.query(`SELECT 1 FROM sage_links WHERE customer_id = $1`, [
      customerId,
    ]);
    expect(rows).toEqual([]);
  });
});

describe('running the rules again', () => {
  test('over the ticked transactions shows the new suggestions, once however often the button is pressed', async () => {
    const { visitor, account, path, customerId } = await holder({ transactions: lines });
    await createRule(account);
    const page = await visitor.get(path);
    expect(textOf(page)).not.toContain('by rule Fees');
    const ids = [...page.text.matchAll(/name="transaction_id"\s+value="(\d+)"/g)].map((match) => match[1]!);
    expect(ids).toHaveLength(3);
    const fields = { transaction_id: ids.slice(0, 1), of: 'ticked' };
    const begun = await send(visitor, page, `${path}/reprocess`, fields);
    expect((await send(visitor, page, `${path}/reprocess`, fields)).location).toBe(begun.location);
    const done = await completed(visitor, begun.location!);
    expect(textOf(done)).toContain('run over 1 transaction.');
    expect(textOf(done)).toContain('by rule Fees');
    expect(textOf(done)).not.toContain('INVOICE');
    const runs = await fixture.pool.query(`SELECT 1 FROM sage_reprocesses WHERE customer_id = $1`, [
      customerId,
    ]);
    expect(runs.rows).toHaveLength(1);
    expect(await fixture.violations()).toEqual([]);
  });

  test('over all reaches every transaction, and the account shows it', async () => {
    const { visitor, account, path } = await holder({
      transactions: [...someLines(60, 'FEE'), ...lines.slice(1)],
    });
    await createRule(account);
    const begun = await send(visitor, await visitor.get(path), `${path}/reprocess`, { of: 'all' });
    expect(textOf(await completed(visitor, begun.location!))).toContain('run over 62 transactions');
    const { rows } = await fixture.pool.query<{ count: string }>(
      `SELECT count(*) FROM sage_transactions WHERE sage_account_id = $1 AND predicted_actions <> '[]'`,
      [account.sageAccountId],
    );
    expect(rows).toEqual([{ count: '62' }]);
    expect(textOf(await visitor.get(path))).toContain('by rule Fees');
  });

  test('while another run is in progress reports that nothing was started for what was ticked now', async () => {
    const { visitor, account, path, customerId } = await holder({ transactions: lines });
    const page = await visitor.get(path);
    const reprocessId = randomUUID();
    await fixture.pool.query(
      `INSERT INTO sage_reprocesses (reprocess_id, sage_account_id, customer_id, transaction_ids, last_id, total)
       VALUES ($1, $2, $3, NULL, 0, 0)`,
      [reprocessId, account.sageAccountId, customerId],
    );
    const ordered = await send(visitor, page, `${path}/reprocess`, { of: 'all' });
    expect(ordered.location).toContain(reprocessId);
    expect(textOf(await visitor.get(ordered.location!))).toContain('so yours was not begun');
    await fixture.deps.sage!.workflows.startReprocess({ reprocessId });
    expect(textOf(await completed(visitor, ordered.location!))).toContain('so yours was not begun');
    expect(textOf(await completed(visitor, `/status/sage/reprocesses/${reprocessId}`))).not.toContain(
      'so yours was not begun',
    );
  });

  test('that Sage cannot do is reported, and the earlier suggestions stay', async () => {
    const { visitor, account, path } = await holder();
    await createRule(account);
    await postStatement(fixture, account, lines);
    await storeTransactions(fixture, account);
    await fixture.control('POST', '/faults', { kind: 'reprocess_fails', times: 0 });
    const begun = await send(visitor, await visitor.get(path), `${path}/reprocess`, { of: 'all' });
    const failed = await completed(visitor, begun.location!);
    await fixture.control('DELETE', '/faults');
    expect(textOf(failed)).toContain('Sage said that it could not run the rules');
    expect(textOf(await visitor.get(path))).toContain('by rule Fees');
  });

  test.each([
    ['nothing ticked', { of: 'ticked' }, 422],
    ['an id that is none', { of: 'ticked', transaction_id: 'one' }, 400],
    ['an id that is not there', { of: 'ticked', transaction_id: '999999' }, 400],
  ])('with %s begins nothing', async (_case, fields, status) => {
    const { visitor, path, customerId } = await holder({ transactions: lines });
    const answer = await send(visitor, await visitor.get(path), `${path}/reprocess`, fields);
    expect(answer.status).toBe(status);
    const runs = await fixture.pool.query(`SELECT 1 FROM sage_reprocesses WHERE customer_id = $1`, [
      customerId,
    ]);
    expect(runs.rows).toEqual([]);
  });
});

describe('restoring', () => {
  /** A disconnected account with rules, and a new one of the same company. */
  async function reconnected(ruleNames: readonly string[]) {
    const customer = await signInTo(fixture);
    const company = await makeSageCompany(fixture, customer);
    const former = await makeSageAccount(fixture, { company });
    for (const ruleName of ruleNames) await createRule(former, { ...feeRule, ruleName });
    await fixture.api('DELETE', `/v1/sage/accounts/${former.sageAccountId}`);
    await becomes(former, 'cancelled');
    const account = await makeSageAccount(fixture, { company, transactions: lines });
    return { ...customer, former, account, path: `/status/sage/accounts/${account.sageAccountId}` };
  }

  test('creates the ticked rules again, reports rule by rule, offers to run them, and restores none twice', async () => {
    const { visitor, account, path } = await reconnected(['Fees', 'Tolls', 'Taken']);
    await createRule(account, {
      ...feeRule,
      ruleName: 'Taken',
      ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'NOMINAL', code: '1' }] }],
    });
    const offer = await completed(visitor, `${path}/restore`);
    expect(textOf(offer)).toContain('Fees');
    const ids = new Map(
      [...offer.text.matchAll(/value="([^"]+)"\s+aria-describedby="rule-(\d+)-hint"/g)].map((match) => [
        /<bdi>([^<]+)</.exec(offer.text.slice(offer.text.indexOf(`for="rule-${match[2]!}"`)))![1]!,
        match[1]!,
      ]),
    );
    expect([...ids.keys()].sort()).toEqual(['Fees', 'Taken', 'Tolls']);
    const rule_id = [ids.get('Fees')!, ids.get('Taken')!];
    const ordered = await send(visitor, offer, `${path}/restore`, { rule_id });
    const twice = await send(visitor, offer, `${path}/restore`, { rule_id });
    expect(twice.location).toBe(ordered.location);
    const outcome = await completed(visitor, ordered.location!);
    expect(textOf(outcome)).toMatch(/Fees Restored/);
    expect(textOf(outcome)).toMatch(/Taken Not restored/);
    const again = await completed(visitor, `${path}/restore`);
    expect(textOf(again)).toContain('Restored on this account');
    const names = async () => {
      const { rules } = await fixture.control('GET', `/accounts/${account.bankAccountId}`);
      return (rules as { ruleName: string }[]).map(({ ruleName }) => ruleName).sort();
    };
    expect(await names()).toEqual(['Fees', 'Taken']);
    const third = await send(visitor, again, `${path}/restore`, { rule_id: ids.get('Fees')! });
    expect(textOf(await completed(visitor, third.location!))).toMatch(/Fees Restored/);
    expect(await names()).toEqual(['Fees', 'Taken']);
    const run = await send(visitor, outcome, `${path}/reprocess`, { of: 'all' });
    expect(textOf(await completed(visitor, run.location!))).toContain('by rule Fees');
    expect(await fixture.violations()).toEqual([]);
  });

  test('ticks the rules that the account had before, and leaves those of others to be chosen', async () => {
    const customer = await signInTo(fixture);
    const company = await makeSageCompany(fixture, customer);
    const former = await makeSageAccount(fixture, { company });
    const other = await makeSageAccount(fixture, { company });
    await createRule(former, { ...feeRule, ruleName: 'Mine' });
    await createRule(other, { ...feeRule, ruleName: 'Theirs' });
    for (const account of [former, other]) {
      await fixture.api('DELETE', `/v1/sage/accounts/${account.sageAccountId}`);
      await becomes(account, 'cancelled');
    }
    const account = await makeSageAccount(fixture, { company });
    await fixture.pool.query(`UPDATE sage_accounts SET predecessor_id = $2 WHERE sage_account_id = $1`, [
      account.sageAccountId,
      former.sageAccountId,
    ]);
    const offer = await completed(customer.visitor, `/status/sage/accounts/${account.sageAccountId}/restore`);
    const boxes = [...offer.text.matchAll(/<input\s+type="checkbox"[^>]*>\s*<label[^>]*><bdi>([^<]+)</g)];
    const ticked = boxes.map(([box, name]) => [name, /\bchecked\b/.test(box)]);
    expect(ticked.sort()).toEqual([
      ['Mine', true],
      ['Theirs', false],
    ]);
  });

  test('with nothing ticked asks to tick, and without any rule reports it', async () => {
    const { visitor, path } = await reconnected(['Fees']);
    const offer = await completed(visitor, `${path}/restore`);
    const form = await send(visitor, offer, `${path}/restore`, {});
    expect(form.status).toBe(422);
    expect(textOf(form)).toContain('Tick at least one rule');
    const fresh = await holder();
    expect(textOf(await completed(fresh.visitor, `${fresh.path}/restore`))).toContain('no rules to restore');
  });
});
