import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  fill,
  makeAccount,
  makeRule,
  onboard,
  readTransactions,
  rule,
  split,
  startSession,
  type Company,
  type LinkedAccount,
  type OwnSession,
} from './session.js';

let session: OwnSession;
let company: Company;
let account: LinkedAccount;
beforeEach(async () => {
  session = await startSession();
  company = await onboard(session);
  account = await makeAccount(session, company);
});
afterEach(() => session.close());

type Condition = [field: string, operation: string, criteria: string];
const debit: Condition[] = [['$baseType', 'eq', 'debit']];

const make = (body: unknown) => makeRule(session, company, account, body);
const ask = (method: string, path: string, body?: unknown) =>
  session.call(method, path, { token: company.token, body });

async function namesByRank(): Promise<string[]> {
  const { rules } = (await ask('GET', `${account.path}/rules`)).body as {
    rules: { ruleName: string; ruleRank: number }[];
  };
  expect(rules.map((item) => item.ruleRank)).toEqual(rules.map((_, index) => index + 1));
  return rules.map((item) => item.ruleName);
}

describe('the life of a rule (contract 8)', () => {
  it('is created, read, replaced, amended and deleted', async () => {
    const made = await make(rule(debit, { ruleName: 'a', target: 'ignored' }));
    expect([made.status, made.body.ruleRank, made.body.status]).toEqual([201, 1, 'active']);
    expect(made.body).not.toHaveProperty('target');
    const path = `${account.path}/rules/${made.body.ruleId}`;
    expect((await ask('GET', path)).body).toEqual(made.body);
    const amended = await ask('PATCH', path, { ruleName: 'b' });
    expect([amended.status, amended.body.ruleConditions]).toEqual([200, made.body.ruleConditions]);
    const replaced = await ask('PUT', path, rule([['currency', 'eq', 'EUR']], { ruleName: 'c' }));
    expect(replaced.body).toMatchObject({ ruleName: 'c', ruleConditions: [{ ruleField: 'currency' }] });
    expect((await ask('PUT', path, { ruleName: 'd' })).status).toBe(400);
    expect((await ask('DELETE', path)).status).toBe(204);
    expect((await ask('GET', path)).status).toBe(404);
  });

  it('is 409 under a name that another rule of the account has', async () => {
    await make(rule(debit, { ruleName: 'a' }));
    const other = await make(rule(debit, { ruleName: 'b' }));
    expect((await make(rule(debit, { ruleName: 'a' }))).status).toBe(409);
    expect((await ask('PATCH', `${account.path}/rules/${other.body.ruleId}`, { ruleName: 'a' })).status).toBe(
      409,
    );
    expect((await ask('PATCH', `${account.path}/rules/${other.body.ruleId}`, { ruleName: 'b' })).status).toBe(
      200,
    );
  });

  it('is 400 beyond 300 rules of an account', async () => {
    for (let made = 0; made < 300; made += 1) expect((await make(rule(debit))).status).toBe(201);
    expect((await make(rule(debit))).status).toBe(400);
  });

  it('keeps ranks from 1 without gaps: inserted, moved, closed', async () => {
    const ids: string[] = [];
    for (const ruleName of ['a', 'b', 'c']) ids.push((await make(rule(debit, { ruleName }))).body.ruleId);
    expect((await make(rule(debit, { ruleName: 'd', ruleRank: 2 }))).body.ruleRank).toBe(2);
    expect(await namesByRank()).toEqual(['a', 'd', 'b', 'c']);
    await ask('PATCH', `${account.path}/rules/${ids[2]}`, { ruleRank: 1 });
    expect(await namesByRank()).toEqual(['c', 'a', 'd', 'b']);
    await ask('PATCH', `${account.path}/rules/${ids[2]}`, { ruleRank: 99 });
    expect(await namesByRank()).toEqual(['a', 'd', 'b', 'c']);
    await ask('DELETE', `${account.path}/rules/${ids[0]}`);
    expect(await namesByRank()).toEqual(['d', 'b', 'c']);
  });
});

describe('a rule that does not parse (contract 8, 9.2, 9.5)', () => {
  const conditions: [Condition, string][] = [
    [['nothing', 'eq', 'x'], 'ruleField'],
    [['datePosted', 'eq', '2024-03-05'], 'ruleOperation'],
    [['transactionAmount', 'contains', '1'], 'ruleOperation'],
    [['$baseType', 'gt', 'credit'], 'ruleOperation'],
    [['currency', 'contains', 'E'], 'ruleOperation'],
    [['$baseType', 'eq', 'both'], 'ruleCriteria'],
    [['transactionAmount', 'gt', '1,5'], 'ruleCriteria'],
    [['transactionAmount', 'gt', '1e3'], 'ruleCriteria'],
    [['datePosted', 'ge', '2024-02-30'], 'ruleCriteria'],
    [['transactionNarrative', 'contains', 'ENERGY*'], 'ruleCriteria'],
    [['transactionNarrative', 'contains', ''], 'ruleCriteria'],
    [['transactionNarrative', 'containsWords', '--'], 'ruleCriteria'],
  ];
  it.each(conditions)('is 400 for the condition %s', async (condition, part) => {
    const { status, body } = await make(rule([condition]));
    expect([status, body.error.details[0].field]).toEqual([400, `ruleConditions[0].${part}`]);
    expect(await session.violations()).toEqual(['invalid_request']);
  });

  const bodies: [what: string, body: Record<string, unknown>][] = [
    ['no conditions', { ruleConditions: [] }],
    ['21 conditions', { ruleConditions: Array.from({ length: 21 }, () => ({})) }],
    [
      'a criteria that is a number',
      { ruleConditions: [{ ruleField: 'transactionAmount', ruleOperation: 'gt', ruleCriteria: 10 }] },
    ],
    ['no actions', { ruleActions: [] }],
    ['21 actions', { ruleActions: Array.from({ length: 21 }, () => split(50)) }],
    ['a last share below 100', { ruleActions: [split(50)] }],
    ['a share of 100 before the last', { ruleActions: [split(100), split(100)] }],
    ['a share of zero', { ruleActions: [split(0), split(100)] }],
    ['a share of five decimals', { ruleActions: [split(33.33333), split(100)] }],
    ['an action without a posting', { ruleActions: [{ splitPercentage: 100, accountsPostings: [] }] }],
    ['no name', { ruleName: '' }],
    ['rank 0', { ruleRank: 0 }],
    ['additional fields that are no pairs', { ruleAdditionalFields: [{ name: 'x' }] }],
  ];
  it.each(bodies)('is 400 with %s', async (_what, body) => {
    expect((await make(rule(debit, body))).status).toBe(400);
  });

  it('reports all problems at once', async () => {
    const { body } = await make({ ruleConditions: [{ ruleField: 'x' }], ruleActions: [split(1)] });
    const fields = (body.error.details as { field: string }[]).map((fault) => fault.field);
    expect(fields).toEqual(['ruleName', 'ruleConditions[0].ruleField', 'ruleActions[0].splitPercentage']);
  });
});

describe('matching beyond the worked examples (contract 9.2)', () => {
  const matching: [
    what: string,
    condition: Condition,
    transaction: Record<string, unknown>,
    matches: boolean,
  ][] = [
    ['the whole narrative', ['transactionNarrative', 'eq', 'RENT MAY'], { narrative1: 'RENT MAY' }, true],
    ['not a part of it', ['transactionNarrative', 'eq', 'RENT'], { narrative1: 'RENT MAY' }, false],
    [
      'words across signs',
      ['transactionNarrative', 'containsWords', 'A 771'],
      { narrative1: 'x A-771.' },
      true,
    ],
    [
      'words of other scripts',
      ['transactionNarrative', 'containsWords', 'CAFÉ ZÜRICH'],
      { narrative1: '*CAFÉ, ZÜRICH*' },
      true,
    ],
    [
      'words not consecutive',
      ['transactionNarrative', 'containsWords', 'A C'],
      { narrative1: 'A B C' },
      false,
    ],
    ['an equal amount, exactly', ['transactionAmount', 'eq', '-0.30'], { transactionAmount: -0.3 }, true],
    ['an amount at the bound', ['transactionAmount', 'le', '-84.00'], { transactionAmount: -84 }, true],
    ['a type in any case', ['transactionType', 'eq', 'dirdebit'], { transactionType: 'DIRDEBIT' }, true],
    ['a cheque number', ['checkNum', 'eq', '0042'], { checkNumber: '0042' }, true],
    ['a missing cheque number', ['checkNum', 'eq', '0042'], {}, false],
    ['a currency, its case counting', ['currency', 'eq', 'eur'], {}, false],
    ['a payee’s bank', ['payee.payeeBankId', 'eq', '20-30'], { payee: { payeeBankId: '20-30' } }, true],
    ['a field that no transaction has', ['subAccount', 'eq', 'x'], { subAccount: null }, false],
    ['no narrative at all, by what it does not hold', ['transactionNarrative', 'notcontains', 'x'], {}, true],
    [
      'an instant within the day',
      ['datePosted', 'le', '2024-03-05T12:00:00Z'],
      { datePosted: '2024-03-05T12:00:01Z' },
      false,
    ],
    [
      'a day against an instant, by UTC day',
      ['datePosted', 'le', '2024-03-05'],
      { datePosted: '2024-03-06T00:30:00+01:00' },
      true,
    ],
    ['a base type in any case', ['$baseType', 'eq', 'DEBIT'], { transactionAmount: -1 }, true],
  ];
  it.each(matching)('%s', async (_what, condition, transaction, matches) => {
    expect((await make(rule([condition]))).status).toBe(201);
    const filled = await fill(session, account, [{ transactionAmount: -5, ...transaction }]);
    expect(filled.body.status).toBe('completed');
    const { body } = await readTransactions(session, company, account);
    const [only] = body.bankTransactionList.transactions;
    expect(only.predictedActions).toHaveLength(matches ? 1 : 0);
  });
});

describe('a predicted action (contract 9.6)', () => {
  it('has one posting per action, the share on its first instruction', async () => {
    const additional = [{ name: 'department', value: 'north' }];
    const body = rule(debit, {
      ruleName: 'Energy',
      ruleActions: [split(50), split(100)],
      ruleAdditionalFields: additional,
    });
    const made = await make(body);
    await fill(session, account, [{ transactionAmount: -84 }]);
    const { body: read } = await readTransactions(session, company, account);
    const [only] = read.bankTransactionList.transactions;
    const posting = {
      createdBy: 'Energy',
      grossAmount: -42,
      netAmount: -42,
      taxAmount: 0,
      accountantNarrative: 'Energy',
      postingInstructions: [
        { type: 'nominal', code: '7200', name: null, status: null, value: -42 },
        { type: 'tax', code: 'T1', name: null, status: null, value: null },
      ],
    };
    expect(only.predictedActions).toEqual([
      {
        predictedId: expect.any(String) as string,
        score: 100,
        source: 'userRule',
        rules: [{ ruleId: made.body.ruleId, ruleRank: 1, match: 'all' }],
        actions: {
          type: null,
          reference: null,
          ruleAdditionalFields: additional,
          accountsPostings: [posting, posting],
        },
      },
    ]);
    expect([only.transactionAmount, only.accountsPostings]).toEqual([-84, []]);
  });
});

describe('disconnected rules (contract 8.1)', () => {
  it('are found in the company, never match, and are restored by creating them again', async () => {
    const made = await make(rule(debit, { ruleName: 'kept' }));
    await ask('DELETE', account.path);
    const again = await makeAccount(session, company);
    expect((await ask('GET', `${again.path}/rules`)).body.rules).toEqual([]);
    await fill(session, again, [{ transactionAmount: -1 }]);
    const { body } = await readTransactions(session, company, again);
    expect(body.bankTransactionList.transactions[0].predictedActions).toEqual([]);

    const lost = (await ask('GET', `${company.path}/rules?status=disconnected`)).body.rules;
    expect(lost).toMatchObject([{ ruleId: made.body.ruleId, bankAccountId: account.id, ruleRank: 1 }]);
    const restored = await makeRule(session, company, again, lost[0]);
    expect(restored.status).toBe(201);
    expect(restored.body.ruleId).not.toBe(made.body.ruleId);
    expect((await ask('GET', `${company.path}/rules?status=active`)).body.rules).toHaveLength(1);
    expect((await ask('GET', `${company.path}/rules?status=lost`)).status).toBe(400);
    expect((await ask('DELETE', `${company.path}/rules/${restored.body.ruleId}`)).status).toBe(409);
    expect((await ask('DELETE', `${company.path}/rules/${made.body.ruleId}`)).status).toBe(204);
    expect((await ask('GET', `${company.path}/rules?status=disconnected`)).body.rules).toEqual([]);
  });
});
