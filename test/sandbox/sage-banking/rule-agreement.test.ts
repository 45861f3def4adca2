import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matcherOf, type RankedRule } from '../../../src/domain/sage-banking/rules/match-rules.js';
import type { RuleTransaction } from '../../../src/domain/sage-banking/rules/rule.js';
import { splitShares } from '../../../src/domain/sage-banking/rules/split-shares.js';
import { validateRule } from '../../../src/domain/sage-banking/rules/validate-rule.js';
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

/*
 * Two rule engines implement one contract (9) independently: that of src/domain and that of the sandbox. These tests
 * compare them over HTTP: the sandbox refuses each rule that ours refuses, and its predictions name the rule and the
 * shares that ours finds.
 */

let session: OwnSession;
let company: Company;
beforeAll(async () => {
  session = await startSession();
  company = await onboard(session);
});
afterAll(() => session.close());

type Condition = [field: string, operation: string, criteria: string];

interface Arrived extends RuleTransaction {
  readonly transactionAmount: number;
  readonly currency: string;
  readonly predictedActions: readonly {
    readonly rules: readonly { readonly ruleId: string; readonly ruleRank: number }[];
    readonly actions: { readonly accountsPostings: readonly { readonly grossAmount: number }[] };
  }[];
}
interface MadeRule extends RankedRule {
  readonly ruleId: string;
}

/** Reconnecting makes a new account, so one bank account serves all runs. */
async function freshAccount(): Promise<LinkedAccount> {
  const { body } = await session.call('GET', `${company.path}/bankaccounts`, { token: company.token });
  for (const { bankAccountId } of body.bankAccounts) {
    await session.call('DELETE', `${company.path}/bankaccounts/${bankAccountId}`, { token: company.token });
  }
  return makeAccount(session, company);
}

/** The rules in the sandbox's answer, by rank. */
async function makeRules(account: LinkedAccount, bodies: readonly unknown[]): Promise<MadeRule[]> {
  const made: MadeRule[] = [];
  for (const body of bodies) {
    const reply = await makeRule(session, company, account, body);
    expect([reply.status, body]).toEqual([201, body]);
    made.push(reply.body);
  }
  return made;
}

async function arrive(account: LinkedAccount, transactions: unknown[]): Promise<Arrived[]> {
  const { body } = await fill(session, account, transactions);
  expect(body).toMatchObject({ status: 'completed' });
  return (await readTransactions(session, company, account)).body.bankTransactionList.transactions;
}

/** What the sandbox predicted, and what our engine makes of the same rules and the transaction as it arrived. */
function verdicts(rules: readonly MadeRule[], transactions: readonly Arrived[]) {
  const matcher = matcherOf(rules);
  expect(matcher.unread).toEqual([]);
  const theirs = transactions.map(({ predictedActions }) =>
    predictedActions.map(({ rules: matched, actions }) => ({
      matched: matched.map(({ ruleId, ruleRank }) => ({ ruleId, ruleRank })),
      shares: actions.accountsPostings.map(({ grossAmount }) => grossAmount),
    })),
  );
  const ours = transactions.map((transaction) => {
    const first = matcher.firstMatch(transaction);
    if (first === null) return [];
    const { transactionAmount: amount, currency } = transaction;
    const percentages = first.ruleActions.map(({ splitPercentage }) => splitPercentage);
    const shares = splitShares({ amount, currency, percentages });
    return [{ matched: [{ ruleId: first.ruleId, ruleRank: first.ruleRank }], shares: shares?.map(Number) }];
  });
  return { theirs, ours };
}

const narrative = 'transactionNarrative';
const E1: Condition[] = [[narrative, 'containsWords', 'NORTHGATE ENERGY']];
const E7: Condition[] = [
  ['transactionAmount', 'lt', '-50'],
  ['transactionAmount', 'ge', '-100'],
];

describe('the worked examples of contract 9.7 on both engines', () => {
  it.each<[name: string, rules: Condition[][], hits: (number | null)[]]>([
    ['E1', [E1], [1, null, null]],
    ['E2', [[[narrative, 'containsWords', 'NORTH ENERGY']]], [null, null, null]],
    ['E3', [[[narrative, 'contains', 'northgate']]], [null, null, null]],
    ['E4', [[[narrative, 'contains', 'ENERGY A-771']]], [1, null, null]],
    ['E5', [[['$baseType', 'eq', 'credit']]], [null, 1, 1]],
    ['E6', [[['transactionAmount', 'gt', '10']]], [null, 1, null]],
    ['E7', [E7], [1, null, null]],
    ['E9', [E7, E1], [1, null, null]],
    ['E10', [[[narrative, 'notcontains', 'FEE']]], [1, 1, null]],
  ])('%s', async (_name, conditions, hits) => {
    const account = await freshAccount();
    const rules = await makeRules(
      account,
      conditions.map((of) => rule(of)),
    );
    const { theirs, ours } = verdicts(rules, await arrive(account, [T1, T2, T3]));
    expect(ours).toEqual(theirs);
    expect(ours.map(([first]) => first?.matched[0]?.ruleRank ?? null)).toEqual(hits);
  });

  it('E8', async () => {
    const body = rule([['datePosted', 'eq', '2024-03-05']]);
    expect(validateRule(body)).toHaveProperty('problems');
    expect((await makeRule(session, company, await freshAccount(), body)).status).toBe(400);
  });

  it.each([[[50, 100]], [[50, 50, 100]], [[33, 100]], [[100]]])('splits by %j', async (percentages) => {
    const account = await freshAccount();
    const rules = await makeRules(account, [
      rule([[narrative, 'notcontains', 'nothing']], { ruleActions: percentages.map(split) }),
    ]);
    const { theirs, ours } = verdicts(rules, await arrive(account, [T1, T2, T3]));
    expect(ours).toEqual(theirs);
    expect(ours.every((found) => found.length === 1)).toBe(true);
  });

  it('splits of 50 and 50', async () => {
    const body = rule(E1, { ruleActions: [50, 50].map(split) });
    expect(validateRule(body)).toHaveProperty('problems');
    expect((await makeRule(session, company, await freshAccount(), body)).status).toBe(400);
  });
});

/** Few words, so that matches are frequent; with separators, upper and lower case, and letters of other scripts. */
const word = fc.constantFrom(
  'DD',
  'dd',
  'NORTH',
  'NORTHGATE',
  'ENERGY',
  'É',
  'été',
  '12',
  'A-771',
  '№5',
  'ß',
  '_',
  '٣',
);
const phrase = fc
  .tuple(fc.array(word, { minLength: 1, maxLength: 4 }), fc.constantFrom(' ', ' ', '/', '-'))
  .map(([words, separator]) => words.join(separator))
  .filter((text) => /[\p{L}\p{Nd}]/u.test(text));
const amountText = fc
  .tuple(fc.integer({ min: -30_000, max: 30_000 }), fc.constantFrom(0, 1, 2))
  .map(([units, decimals]) => (units / 10 ** decimals).toFixed(decimals));
/** Around a boundary: small amounts that criteria hit exactly. */
const nearAmount = fc.constantFrom('0', '-0.01', '0.01', '10', '10.00', '-84', '-84.50', '0.3', '99999.99');
const day = fc.integer({ min: 1, max: 9 }).map((number) => `2024-03-0${number}`);
const moment = fc
  .tuple(day, fc.integer({ min: 0, max: 23 }), fc.constantFrom('Z', '+01:00', '-11:30', '+14:00'))
  .map(([date, hour, offset]) => `${date}T${String(hour).padStart(2, '0')}:30:00${offset}`);
const transactionType = fc.constantFrom('directDebit', 'DIRECTDEBIT', 'Other', 'credit');
const currency = fc.constantFrom('EUR', 'eur', 'GBP', 'JPY');

const condition: fc.Arbitrary<Condition> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(
      fc.constant(narrative),
      fc.constantFrom('eq', 'contains', 'notcontains', 'containsWords'),
      phrase,
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constant('transactionAmount'),
      fc.constantFrom('eq', 'gt', 'ge', 'lt', 'le'),
      fc.oneof(amountText, nearAmount),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.constant('datePosted'),
      fc.constantFrom('gt', 'ge', 'lt', 'le'),
      fc.oneof(day, moment),
    ),
  },
  fc.tuple(fc.constant('$baseType'), fc.constant('eq'), fc.constantFrom('credit', 'DEBIT', 'Credit')),
  fc.tuple(fc.constant('transactionType'), fc.constant('eq'), transactionType),
  fc.tuple(fc.constant('checkNum'), fc.constant('eq'), fc.constantFrom('7', '007', 'A')),
  fc.tuple(fc.constant('currency'), fc.constant('eq'), currency),
  fc.tuple(fc.constant('subAccount'), fc.constant('eq'), fc.constant('1')),
  fc.tuple(
    fc.constantFrom('payee.payeeBankId', 'payee.payeeAccountId'),
    fc.constant('eq'),
    fc.constantFrom('20-00-00', '1'),
  ),
);

const percentage = fc.integer({ min: 1, max: 999_999 }).map((parts) => parts / 10_000);
const actions = fc
  .array(percentage, { maxLength: 3 })
  .map((percentages) => [...percentages, 100].map((percent) => split(percent)));
const drawnRule = fc
  .tuple(fc.array(condition, { minLength: 1, maxLength: 2 }), actions)
  .map(([conditions, ruleActions]) => rule(conditions, { ruleActions }));

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const drawnTransaction = fc.record({
  transactionAmount: fc.oneof(amountText, nearAmount).map(Number),
  datePosted: fc.oneof(day, moment),
  narrative1: optional(phrase),
  narrative2: optional(fc.oneof(phrase, fc.constant(' '))),
  referenceNumber: optional(phrase),
  description: optional(phrase),
  checkNumber: optional(fc.constantFrom('7', '007', 'A')),
  // A provider sends it in upper case.
  transactionType: optional(transactionType.map((type) => type.toUpperCase())),
  currency: fc.constantFrom('EUR', 'GBP', 'JPY'),
  payee: optional(
    fc.record({
      payeeDescription: optional(word),
      payeeBankId: optional(fc.constantFrom('20-00-00', '1')),
      payeeAccountId: optional(fc.constantFrom('20-00-00', '1')),
    }),
  ),
});

describe('random rules and transactions', () => {
  it('get the same verdict and the same shares from both engines', async () => {
    const seen = { checked: 0, matched: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(drawnRule, { minLength: 1, maxLength: 6 }),
        // A statement is in the order of its dates.
        fc.array(drawnTransaction, { minLength: 12, maxLength: 12 }),
        async (bodies, transactions) => {
          const account = await freshAccount();
          const rules = await makeRules(account, bodies);
          const inOrder = [...transactions].sort(
            (a, b) => Date.parse(a.datePosted) - Date.parse(b.datePosted),
          );
          const arrived = await arrive(account, inOrder);
          const { theirs, ours } = verdicts(rules, arrived);
          expect(ours).toEqual(theirs);
          seen.checked += arrived.length;
          seen.matched += ours.filter((found) => found.length > 0).length;
        },
      ),
      { numRuns: 60 },
    );
    // Otherwise agreement would mean little: most rules match nothing, or everything.
    expect(seen.checked).toBeGreaterThanOrEqual(60 * 12);
    expect(seen.matched).toBeGreaterThan(seen.checked / 10);
    expect(seen.matched).toBeLessThan((seen.checked * 9) / 10);
  });

  it('are accepted or refused by both alike, for any condition and split', async () => {
    const account = await freshAccount();
    const field = fc.constantFrom(
      ...[
        narrative,
        'transactionAmount',
        'datePosted',
        '$baseType',
        'currency',
        'checkNum',
        'transactionType',
      ],
      ...['subAccount', 'payee.payeeBankId', 'payee', 'amount', 'toString', ''],
    );
    const operation = fc.constantFrom(
      ...['eq', 'gt', 'ge', 'lt', 'le', 'contains', 'notcontains', 'containsWords', 'like', 'EQ'],
    );
    const criteria = fc.constantFrom(
      ...['10', '-10.5', '+1', '1e3', '1,5', '.5', '5.', '10 ', 'A*', 'what?', '--', '', '   ', 'DD 12'],
      ...['credit', 'Debit', '2024-03-05', '2024-02-30', '2024-03-05T10:00:00Z', '05/03/2024', 'EUR'],
    );
    // A good condition of which at most one member was exchanged.
    const oddCondition = fc.oneof(
      condition,
      fc.tuple(condition, field).map(([[, ...rest], odd]): Condition => [odd, ...rest]),
      fc.tuple(condition, operation).map(([good, odd]): Condition => [good[0], odd, good[2]]),
      fc.tuple(condition, criteria).map(([good, odd]): Condition => [good[0], good[1], odd]),
    );
    const splits = fc.array(fc.constantFrom(100, 50, 33.3333, 33.33333, 0, -1, 101), {
      minLength: 1,
      maxLength: 3,
    });
    const seen = { taken: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(
        oddCondition,
        fc.oneof({ weight: 3, arbitrary: fc.constant([100]) }, splits),
        async (odd, percentages) => {
          const body = rule([odd], { ruleActions: percentages.map(split) });
          const reply = await makeRule(session, company, account, body);
          const checked = validateRule(body);
          expect({ ours: 'rule' in checked, body }).toEqual({ ours: reply.status === 201, body });
          if (reply.status === 201) {
            seen.taken += 1;
            const path = `${account.path}/rules/${reply.body.ruleId}`;
            await session.call('DELETE', path, { token: company.token });
          } else {
            expect(reply.status).toBe(400);
            seen.refused += 1;
          }
        },
      ),
      { numRuns: 400 },
    );
    expect(seen.taken).toBeGreaterThan(50);
    expect(seen.refused).toBeGreaterThan(50);
  });
});
