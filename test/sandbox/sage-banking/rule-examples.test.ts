import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { T1, T2, T3 } from './example-transactions.js';
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
beforeAll(async () => {
  session = await startSession();
  company = await onboard(session);
});
afterAll(() => session.close());

interface Predicted {
  rules: unknown[];
  actions: { accountsPostings: { createdBy: string; grossAmount: number }[] };
}

type Condition = [field: string, operation: string, criteria: string];

/** Predicted actions of T1, T2 and T3 when they arrive after these rules, by rank. */
async function predictedBy(rules: Record<string, unknown>[], transactions: unknown[] = [T1, T2, T3]) {
  const account = await freshAccount();
  for (const body of rules) expect((await makeRule(session, company, account, body)).status).toBe(201);
  expect((await fill(session, account, transactions)).body.status).toBe('completed');
  const { body } = await readTransactions(session, company, account);
  const arrived: { predictedActions: Predicted[] }[] = body.bankTransactionList.transactions;
  return arrived.map((transaction) => transaction.predictedActions);
}

/** Reconnecting makes a new account, so one bank account serves all examples. */
async function freshAccount(): Promise<LinkedAccount> {
  const { body } = await session.call('GET', `${company.path}/bankaccounts`, { token: company.token });
  for (const { bankAccountId } of body.bankAccounts) {
    await session.call('DELETE', `${company.path}/bankaccounts/${bankAccountId}`, { token: company.token });
  }
  return makeAccount(session, company);
}

async function matchesOf(...conditions: Condition[]): Promise<boolean[]> {
  const predicted = await predictedBy([rule(conditions)]);
  return predicted.map((actions) => actions.length === 1);
}

const E1: Condition = ['transactionNarrative', 'containsWords', 'NORTHGATE ENERGY'];
const E7: Condition[] = [
  ['transactionAmount', 'lt', '-50'],
  ['transactionAmount', 'ge', '-100'],
];

describe('the worked examples of contract 9.7', () => {
  it('E1: whole consecutive words match', async () => {
    expect(await matchesOf(E1)).toEqual([true, false, false]);
  });

  it('E2: a part of a word is no word, but it is a substring', async () => {
    expect(await matchesOf(['transactionNarrative', 'containsWords', 'NORTH ENERGY'])).toEqual([
      false,
      false,
      false,
    ]);
    expect(await matchesOf(['transactionNarrative', 'contains', 'NORTH'])).toEqual([true, false, false]);
  });

  it('E3: text is case-sensitive', async () => {
    expect(await matchesOf(['transactionNarrative', 'contains', 'northgate'])).toEqual([false, false, false]);
  });

  it('E4: the parts of the narrative are joined by one space', async () => {
    expect(await matchesOf(['transactionNarrative', 'contains', 'ENERGY A-771'])).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('E5: zero is a credit', async () => {
    expect(await matchesOf(['$baseType', 'eq', 'credit'])).toEqual([false, true, true]);
  });

  it('E6: the amount is signed', async () => {
    expect(await matchesOf(['transactionAmount', 'gt', '10'])).toEqual([false, true, false]);
  });

  it('E7: two conditions on one field are a range', async () => {
    expect(await matchesOf(...E7)).toEqual([true, false, false]);
  });

  it('E8: datePosted has no eq; a day is ge it and lt the next', async () => {
    const account = await freshAccount();
    const refused = await makeRule(session, company, account, rule([['datePosted', 'eq', '2024-03-05']]));
    expect(refused.status).toBe(400);
    const day: Condition[] = [
      ['datePosted', 'ge', '2024-03-05'],
      ['datePosted', 'lt', '2024-03-06'],
    ];
    expect(await matchesOf(...day)).toEqual([true, false, false]);
  });

  it('E9: the rule of rank 1 wins, and is the only one', async () => {
    const [first, second, third] = await predictedBy([rule(E7, { ruleName: 'range' }), rule([E1])]);
    expect(first).toHaveLength(1);
    expect(first![0]!.rules).toEqual([{ ruleId: expect.any(String) as string, ruleRank: 1, match: 'all' }]);
    expect(first![0]!.actions.accountsPostings[0]!.createdBy).toBe('range');
    expect([second, third]).toEqual([[], []]);
  });

  it('E10: a narrative without the text matches', async () => {
    expect(await matchesOf(['transactionNarrative', 'notcontains', 'FEE'])).toEqual([true, true, false]);
  });
});

describe('the splits of contract 9.7', () => {
  const anything: Condition[] = [['transactionNarrative', 'notcontains', 'nothing of ours']];
  const shares = async (percentages: number[], transaction: unknown): Promise<number[]> => {
    const body = rule(anything, { ruleActions: percentages.map(split) });
    const [actions] = await predictedBy([body], [transaction]);
    return actions![0]!.actions.accountsPostings.map((posting) => posting.grossAmount);
  };

  it.each([
    { percentages: [50, 100], of84: [-42, -42] },
    { percentages: [50, 50, 100], of84: [-42, -21, -21] },
    { percentages: [33, 100], of84: [-27.72, -56.28] },
    { percentages: [100], of84: [-84] },
  ])('$percentages of -84.00 are $of84, each of the remainder', async ({ percentages, of84 }) => {
    expect(await shares(percentages, T1)).toEqual(of84);
    expect(await shares(percentages, T3)).toEqual(percentages.map(() => 0));
  });

  it('a rule whose last share is not 100 is refused', async () => {
    const account = await freshAccount();
    const body = rule(anything, { ruleActions: [split(50), split(50)] });
    const reply = await makeRule(session, company, account, body);
    expect(reply.status).toBe(400);
    expect(reply.body.error.details[0].field).toBe('ruleActions[1].splitPercentage');
  });

  it('half of the smallest unit is rounded away from zero, and nothing is lost', async () => {
    expect(await shares([50, 100], { transactionAmount: -0.05 })).toEqual([-0.03, -0.02]);
    expect(await shares([33.3333, 100], { transactionAmount: 100.01 })).toEqual([33.34, 66.67]);
    expect(await shares([50, 100], { transactionAmount: 101, currency: 'JPY' })).toEqual([51, 50]);
  });
});
