import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPostedDate } from '../../../src/domain/sage-banking/rules/rule-date.js';
import { matcherOf } from '../../../src/domain/sage-banking/rules/match-rules.js';
import { joinNarrative } from '../../../src/domain/sage-banking/rules/narrative.js';
import type { RuleDraft } from '../../../src/domain/sage-banking/rules/rule.js';
import { splitShares } from '../../../src/domain/sage-banking/rules/split-shares.js';
import { validateRule, validateRuleChanges } from '../../../src/domain/sage-banking/rules/validate-rule.js';

/** The transactions of contract 9.7. */
const T1 = {
  transactionAmount: -84,
  narrative1: 'DD NORTHGATE ENERGY',
  referenceNumber: 'A-771',
  datePosted: '2024-03-05',
  currency: 'EUR',
};
const T2 = {
  transactionAmount: 1250,
  narrative1: 'FPS',
  name: 'Harbour Cafe Ltd',
  datePosted: '2024-03-06',
};
const T3 = { transactionAmount: 0, narrative1: 'FEE WAIVED', datePosted: '2024-03-06' };

type Condition = [field: string, operation: string, criteria: string];

function draft(conditions: Condition[], more: Partial<RuleDraft> = {}): RuleDraft {
  return {
    ruleName: 'Energy',
    ruleConditions: conditions.map(([ruleField, ruleOperation, ruleCriteria]) => ({
      ruleField,
      ruleOperation,
      ruleCriteria,
    })),
    ruleActions: actions(100),
    ...more,
  };
}

function actions(...percentages: number[]) {
  return percentages.map((splitPercentage) => ({
    splitPercentage,
    accountsPostings: [{ type: 'nominal', code: '7200' }],
  }));
}

/** For each transaction the rank of the rule that is applied, or null. */
function ranksOf(rules: Condition[][], transactions: Record<string, unknown>[] = [T1, T2, T3]) {
  const matcher = matcherOf(
    rules.map((conditions, index) => ({ ...draft(conditions), ruleRank: index + 1 })),
  );
  return transactions.map((transaction) => matcher.firstMatch(transaction)?.ruleRank ?? null);
}

function holds(condition: Condition, transaction: Record<string, unknown>): boolean {
  return ranksOf([[condition]], [transaction])[0] === 1;
}

function messagesOf(rule: unknown): Record<string, string> {
  const checked = validateRule(rule);
  return 'rule' in checked
    ? {}
    : Object.fromEntries(checked.problems.map(({ pointer, message }) => [pointer, message]));
}

const narrative = 'transactionNarrative';
const E1: Condition[] = [[narrative, 'containsWords', 'NORTHGATE ENERGY']];
const E7: Condition[] = [
  ['transactionAmount', 'lt', '-50'],
  ['transactionAmount', 'ge', '-100'],
];

describe('the worked examples of contract 9.7', () => {
  it.each<[name: string, rules: Condition[][], ranks: (number | null)[]]>([
    ['E1: whole words', [E1], [1, null, null]],
    ['E2: a part of a word is no word', [[[narrative, 'containsWords', 'NORTH ENERGY']]], [null, null, null]],
    ['E3: text counts its case', [[[narrative, 'contains', 'northgate']]], [null, null, null]],
    ['E4: parts are joined by one space', [[[narrative, 'contains', 'ENERGY A-771']]], [1, null, null]],
    ['E5: zero is a credit', [[['$baseType', 'eq', 'credit']]], [null, 1, 1]],
    ['E6: amounts are signed', [[['transactionAmount', 'gt', '10']]], [null, 1, null]],
    ['E7: a range of two conditions', [E7], [1, null, null]],
    ['E9: the first rule by rank wins', [E7, E1], [1, null, null]],
    ['E10: what does not contain', [[[narrative, 'notcontains', 'FEE']]], [1, 1, null]],
  ])('%s', (_name, rules, ranks) => {
    expect(ranksOf(rules)).toEqual(ranks);
  });

  it('E8: a date has no equality operation, and the message names the alternative', () => {
    const found = messagesOf(draft([['datePosted', 'eq', '2024-03-05']]));
    expect(Object.keys(found)).toEqual(['/ruleConditions/0/ruleOperation']);
    expect(found['/ruleConditions/0/ruleOperation']).toContain('has no eq: ask for one day with ge');
  });

  it.each([
    [
      [50, 100],
      ['-42.00', '-42.00'],
    ],
    [
      [50, 50, 100],
      ['-42.00', '-21.00', '-21.00'],
    ],
    [
      [33, 100],
      ['-27.72', '-56.28'],
    ],
    [[100], ['-84.00']],
  ])('splits T1 by %j', (percentages, shares) => {
    expect(splitShares({ amount: -84, currency: 'EUR', percentages })).toEqual(shares);
    expect(splitShares({ amount: 0, currency: 'EUR', percentages })).toEqual(percentages.map(() => '0.00'));
  });

  it('refuses splits whose last is not 100', () => {
    expect(Object.keys(messagesOf(draft(E1, { ruleActions: actions(50, 50) })))).toEqual([
      '/ruleActions/1/splitPercentage',
    ]);
  });
});

describe('conditions', () => {
  it('join a narrative in the documented order, without blank parts and trimmed', () => {
    const transaction = {
      checkNum: '7',
      payee: { payeeId: 'P' },
      extendedName: 'X',
      referenceNumber: 'R',
      name: 'N',
      narrative2: '  ',
      narrative1: ' one ',
    };
    expect(joinNarrative(transaction)).toBe('one N R X P 7');
  });

  it('read the stored narrative, not its parts', () => {
    const changed = { ...T1, transactionNarrative: 'CORRECTED' };
    expect(holds([narrative, 'eq', 'CORRECTED'], changed)).toBe(true);
    expect(holds([narrative, 'contains', 'NORTHGATE'], changed)).toBe(false);
  });

  it('match adjacent words only, whatever separates them', () => {
    const transaction = { transactionNarrative: 'CARD/ÉPICERIE-12 du Nord' };
    expect(holds([narrative, 'containsWords', 'ÉPICERIE 12'], transaction)).toBe(true);
    expect(holds([narrative, 'containsWords', 'CARD 12'], transaction)).toBe(false);
    expect(holds([narrative, 'containsWords', 'du, Nord.'], transaction)).toBe(true);
    expect(holds([narrative, 'containsWords', 'PICERIE'], transaction)).toBe(false);
  });

  it('compare amounts exactly, beyond the precision of a double', () => {
    expect(holds(['transactionAmount', 'eq', '0.3'], { transactionAmount: 0.3 })).toBe(true);
    expect(holds(['transactionAmount', 'eq', '0.30'], { transactionAmount: 0.3 })).toBe(true);
    expect(holds(['transactionAmount', 'lt', '0.30000000000000001'], { transactionAmount: 0.3 })).toBe(true);
    expect(holds(['transactionAmount', 'eq', '9007199254740993'], { transactionAmount: 2 ** 53 })).toBe(
      false,
    );
    expect(holds(['transactionAmount', 'ge', '0'], { transactionAmount: 1e-7 })).toBe(true);
  });

  it('compare dates by UTC day when either side has no time, else by the instant', () => {
    const late = { datePosted: '2024-03-05T23:30:00-02:00' };
    expect(holds(['datePosted', 'ge', '2024-03-06'], late)).toBe(true);
    expect(holds(['datePosted', 'le', '2024-03-06'], late)).toBe(true);
    expect(holds(['datePosted', 'lt', '2024-03-06T01:30:00Z'], late)).toBe(false);
    expect(holds(['datePosted', 'le', '2024-03-06T01:30Z'], late)).toBe(true);
    expect(holds(['datePosted', 'le', '2024-03-06T01:29:59Z'], late)).toBe(false);
    expect(holds(['datePosted', 'gt', '2024-03-05T23:59:59Z'], { datePosted: '2024-03-05' })).toBe(false);
  });

  it('are case-sensitive for currencies and not for types', () => {
    const transaction = { ...T1, transactionType: 'DirectDebit' };
    expect(holds(['transactionType', 'eq', 'directDEBIT'], transaction)).toBe(true);
    expect(holds(['$baseType', 'eq', 'DEBIT'], transaction)).toBe(true);
    expect(holds(['currency', 'eq', 'eur'], transaction)).toBe(false);
  });

  it('read the payee one level down', () => {
    const transaction = { payee: { payeeBankId: '20-00-00', payeeAccountId: '1' } };
    expect(holds(['payee.payeeBankId', 'eq', '20-00-00'], transaction)).toBe(true);
    expect(holds(['payee.payeeAccountId', 'eq', '20-00-00'], transaction)).toBe(false);
  });

  it.each<Condition>([
    [narrative, 'eq', 'x'],
    [narrative, 'contains', 'x'],
    [narrative, 'containsWords', 'x'],
    ['transactionAmount', 'le', '1'],
    ['datePosted', 'le', '2024-01-01'],
    ['$baseType', 'eq', 'credit'],
    ['subAccount', 'eq', 'x'],
    ['currency', 'eq', 'EUR'],
  ])('fail for a missing field: %s %s', (...condition) => {
    for (const blank of [undefined, null, '']) {
      const transaction = { [condition[0]]: blank };
      expect(holds(condition, transaction)).toBe(false);
    }
    expect(holds([narrative, 'notcontains', 'x'], {})).toBe(true);
  });

  it('skip a rule that cannot be read, and report it', () => {
    const strange = { ...draft([['moonPhase', 'eq', 'full']]), ruleRank: 1 };
    const plain = { ...draft(E1), ruleRank: 2 };
    const matcher = matcherOf([plain, strange]);
    expect(matcher.firstMatch(T1)).toBe(plain);
    expect(matcher.unread).toEqual([strange]);
  });

  it('apply by rank, not by the order of the list', () => {
    const rules = [3, 1, 2].map((ruleRank) => ({ ...draft(E1), ruleRank }));
    expect(matcherOf(rules).firstMatch(T1)?.ruleRank).toBe(1);
  });
});

const cents = fc.integer({ min: -1_000_000_000, max: 1_000_000_000 });
const percentage = fc.integer({ min: 1, max: 999_999 }).map((parts) => parts / 10_000);

describe('properties', () => {
  it('compares any two amounts as their exact values compare', () => {
    const decimal = fc.tuple(
      fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
      fc.integer({ min: 0, max: 8 }),
    );
    fc.assert(
      fc.property(decimal, decimal, ([left, leftScale], [right, rightScale]) => {
        const text = (units: bigint, scale: number) => {
          const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
          const whole = digits.slice(0, digits.length - scale);
          return `${units < 0n ? '-' : ''}${whole}${scale === 0 ? '' : `.${digits.slice(-scale)}`}`;
        };
        const exact = left * 10n ** BigInt(8 - leftScale) - right * 10n ** BigInt(8 - rightScale);
        const transaction = { transactionAmount: text(left, leftScale) };
        const criteria = text(right, rightScale);
        expect(holds(['transactionAmount', 'gt', criteria], transaction)).toBe(exact > 0n);
        expect(holds(['transactionAmount', 'eq', criteria], transaction)).toBe(exact === 0n);
        expect(holds(['transactionAmount', 'le', criteria], transaction)).toBe(exact <= 0n);
      }),
      { numRuns: 500 },
    );
  });

  it('lose and add no cent in a split, and never take more than is left', () => {
    fc.assert(
      fc.property(cents, fc.array(percentage, { maxLength: 6 }), (units, percentages) => {
        const amount = units / 100;
        const shares = splitShares({ amount, currency: 'GBP', percentages: [...percentages, 100] })!;
        let left = units;
        for (const [index, share] of shares.entries()) {
          const shareUnits = Math.round(Number(share) * 100);
          expect(Math.abs(shareUnits)).toBeLessThanOrEqual(Math.abs(left));
          const exact = (left * (percentages[index] ?? 100)) / 100;
          expect(Math.abs(shareUnits - exact)).toBeLessThanOrEqual(0.5 + 1e-6);
          left -= shareUnits;
        }
        expect(left).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('contains and notcontains are each other’s opposite, and whole words are contained', () => {
    const words = fc.array(fc.constantFrom('DD', 'North', 'ÉTÉ', '12', 'a'), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(words, words, (has, wanted) => {
        const transaction = { transactionNarrative: has.join(' ') };
        const criteria = wanted.join(' ');
        const contains = holds([narrative, 'contains', criteria], transaction);
        expect(holds([narrative, 'notcontains', criteria], transaction)).toBe(!contains);
        if (holds([narrative, 'containsWords', criteria], transaction)) expect(contains).toBe(true);
      }),
    );
  });
});

describe('splits', () => {
  it.each([
    [-0.05, 'EUR', [50, 100], ['-0.03', '-0.02']],
    [0.05, 'EUR', [50, 100], ['0.03', '0.02']],
    [100, 'JPY', [12.5, 100], ['13', '87']],
    [1, 'KWD', [33.3333, 100], ['0.333', '0.667']],
    [-0.001, 'EUR', [50, 100], ['0.000', '-0.001']],
  ])(
    'of %d %s by %j rounds half away from zero to the minor unit',
    (amount, currency, percentages, shares) => {
      expect(splitShares({ amount, currency, percentages })).toEqual(shares);
    },
  );
});

describe('validation', () => {
  it('reports all problems of a rule at once', () => {
    const found = messagesOf({
      ruleName: ' ',
      ruleConditions: [
        { ruleField: 'datePosted', ruleOperation: 'eq', ruleCriteria: '2024-03-05' },
        { ruleField: 'moonPhase', ruleOperation: 'eq', ruleCriteria: 'full' },
        { ruleField: 'transactionAmount', ruleOperation: 'gt', ruleCriteria: '1e3' },
        { ruleField: narrative, ruleOperation: 'contains', ruleCriteria: 'A*' },
        { ruleField: narrative, ruleOperation: 'containsWords', ruleCriteria: '--' },
        { ruleField: 'transactionAmount', ruleOperation: 'eq', ruleCriteria: 10 },
        { ruleField: 'checkNum', ruleOperation: 'contains' },
      ],
      ruleActions: [
        { splitPercentage: 100, accountsPostings: [] },
        { splitPercentage: 33.33333, accountsPostings: [{ type: 'nominal', code: '' }] },
        { splitPercentage: 50, accountsPostings: [{ type: 'nominal', code: '1', colour: 'red' }] },
      ],
      ruleAdditionalFields: [{ name: 'a' }],
      ruleRank: 0,
      target: 'all',
    });
    expect(found).toEqual({
      '/ruleName': 'must not be empty',
      '/ruleConditions/0/ruleOperation': expect.stringContaining('datePosted has no eq'),
      '/ruleConditions/1/ruleField': expect.stringContaining('is no field that rules know'),
      '/ruleConditions/2/ruleCriteria': expect.stringContaining('must be a decimal number with a point'),
      '/ruleConditions/3/ruleCriteria': expect.stringContaining('neither * nor ?'),
      '/ruleConditions/4/ruleCriteria': expect.stringContaining('holds no word'),
      '/ruleConditions/5/ruleCriteria': 'must be a string',
      '/ruleConditions/6/ruleCriteria': 'is missing',
      '/ruleActions/0/accountsPostings': 'must have 1 to 20 entries',
      '/ruleActions/1/accountsPostings/0/code': 'must not be empty',
      '/ruleActions/2/accountsPostings/0/colour': 'is no member that is known here',
      '/ruleActions/0/splitPercentage': expect.stringContaining('less than 100 before the last'),
      '/ruleActions/1/splitPercentage': 'must have at most 4 decimals',
      '/ruleActions/2/splitPercentage': expect.stringContaining('must be 100 for the last action'),
      '/ruleAdditionalFields/0/value': 'is missing',
      '/ruleRank': 'must be a whole number from 1 to 300',
      '/target': 'is no member that is known here',
    });
  });

  it.each([
    [0, 'ruleConditions'],
    [21, 'ruleConditions'],
    [0, 'ruleActions'],
    [21, 'ruleActions'],
  ])('refuses %d entries in %s, with one message', (count, member) => {
    const entry = member === 'ruleActions' ? actions(100)[0] : draft(E1).ruleConditions[0];
    const rule = { ...draft(E1), [member]: Array.from({ length: count }, () => entry) };
    expect(messagesOf(rule)).toEqual({ [`/${member}`]: 'must have 1 to 20 entries' });
  });

  it.each([undefined, null, [], 'rule', 7])('refuses %j as a rule', (value) => {
    expect(messagesOf(value)).toEqual({ '': 'must be an object' });
  });

  it('names every required member that is missing', () => {
    expect(Object.keys(messagesOf({}))).toEqual(['/ruleName', '/ruleConditions', '/ruleActions']);
  });

  it('accepts a rule as it was read, without members that Sage added and unset ones', () => {
    const read = {
      ...draft(E1),
      ruleId: 'r',
      status: 'active',
      bankAccountId: 'b',
      created: '',
      modified: '',
    };
    expect(validateRule({ ...read, ruleAdditionalFields: null, ruleRank: null })).toEqual({
      rule: draft(E1),
    });
  });

  it('validates the members of a change, of which there must be at least one', () => {
    expect(validateRuleChanges({ ruleRank: 2 })).toEqual({ rule: { ruleRank: 2 } });
    expect(validateRuleChanges({ ruleId: 'r' })).toMatchObject({ problems: [{ pointer: '' }] });
    expect(validateRuleChanges({ ruleConditions: [] })).toMatchObject({
      problems: [{ pointer: '/ruleConditions' }],
    });
  });

  it('never throws for any input', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (ruleName, ruleConditions, ruleActions) => {
        expect('problems' in validateRule({ ruleName, ruleConditions, ruleActions })).toBe(true);
        validateRule({ ...draft(E1), ruleActions: [ruleActions], ruleConditions: [ruleConditions] });
      }),
    );
  });
});

describe('the day of a posted date', () => {
  const late = '2026-11-21T23:30:00-05:00';
  const early = '2026-11-21T00:30:00+09:00';

  it('is the day as written, and of a date-time the day in the zone, without one in UTC', () => {
    const dayOf = (value: string, timeZone: string | null) => readPostedDate(value, timeZone)?.day;
    for (const timeZone of [null, 'America/New_York', 'Asia/Tokyo', 'Pacific/Kiritimati']) {
      expect(dayOf('2026-11-21', timeZone)).toBe('2026-11-21');
    }
    expect([dayOf(late, null), dayOf(late, 'America/New_York'), dayOf(late, 'Asia/Tokyo')]).toEqual([
      '2026-11-22',
      '2026-11-21',
      '2026-11-22',
    ]);
    expect([dayOf(early, null), dayOf(early, 'Asia/Tokyo')]).toEqual(['2026-11-20', '2026-11-21']);
  });

  it.each([
    [null, ['2026-11-20', '2026-11-22']],
    ['America/New_York', ['2026-11-20', '2026-11-21']],
    ['Asia/Tokyo', ['2026-11-21', '2026-11-22']],
    ['Pacific/Kiritimati', ['2026-11-21', '2026-11-22']],
  ])('in %s is the one by which a rule matches', (timeZone, days) => {
    const matches = (datePosted: string, day: string) => {
      const conditions = ['ge', 'le'].map((ruleOperation) => ({
        ruleField: 'datePosted',
        ruleOperation,
        ruleCriteria: day,
      }));
      const rule = { ruleName: 'Day', ruleRank: 1, ruleConditions: conditions, ruleActions: [] };
      return matcherOf([rule], timeZone).firstMatch({ datePosted }) !== null;
    };
    expect([early, late].map((posted) => readPostedDate(posted, timeZone)!.day)).toEqual(days);
    for (const posted of [early, late]) {
      const { day } = readPostedDate(posted, timeZone)!;
      for (const asked of ['2026-11-20', '2026-11-21', '2026-11-22']) {
        expect(matches(posted, asked)).toBe(asked === day);
      }
    }
  });
});
