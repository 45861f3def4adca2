import { describe, expect, it } from 'vitest';
import { parsePosting } from '../../src/domain/posting-input.js';
import { signContradiction, transactionTypes, type AccountType } from '../../src/domain/transaction-type.js';

const accountTypes: readonly AccountType[] = ['bank', 'credit_card'];
const allowedSigns = {
  credit: ['1'],
  deposit: ['1'],
  debit: ['-1'],
  fee: ['-1'],
  transfer: ['1', '-1'],
  payment: ['1', '-1'],
  interest: ['1', '-1'],
  unknown: ['1', '-1'],
} as const;

describe('sign and type of a posting', () => {
  it.each(transactionTypes)('agree or contradict each other alike on both types of account: %s', (type) => {
    for (const accountType of accountTypes) {
      const allowed = ['1', '0', '-1'].filter(
        (amount) => signContradiction({ amount, transactionType: type, accountType }) === null,
      );
      expect(allowed).toEqual(['1', '0', '-1'].filter((sign) => ['0', ...allowedSigns[type]].includes(sign)));
    }
  });

  it('contradict each other in a sentence with the rule of the account type and what to send', () => {
    const contradiction = { amount: '49.9', transactionType: 'debit' } as const;
    expect(signContradiction({ ...contradiction, accountType: 'credit_card' })).toMatch(
      /positive.*"debit".*credit card a purchase or fee is negative.*"credit"/,
    );
    expect(signContradiction({ ...contradiction, accountType: 'bank' })).toMatch(/bank account.*money out/);
  });

  const value = {
    transaction_id: 't',
    posted_at: '2026-02-03T09:14:07Z',
    amount: '5',
    description: 'Card payment',
    transaction_type: 'debit',
  };
  const parse = (change: object, signCheck: 'reject' | 'warn' = 'reject') =>
    parsePosting({
      value: { ...value, ...change },
      currency: 'GBP',
      accountType: 'bank',
      signCheck,
      timeZone: null,
      nowMs: Date.parse('2026-02-04T00:00:00Z'),
    });

  it('are compared by the value of the amount, however it is written', () => {
    for (const amount of ['5', 5, '5e0', '0.5E+1']) {
      expect(parse({ amount })).toMatchObject({ contradiction: expect.any(String) as string });
    }
    for (const amount of ['-5', -5, '-0', '0.00', '-0e9']) {
      expect(parse({ amount })).toMatchObject({ contradiction: null });
    }
  });

  it('do not keep a posting from being withdrawn', () => {
    expect(parse({ status: 'void' })).toMatchObject({ contradiction: null });
    expect(parse({ status: 'pending' })).toMatchObject({ contradiction: expect.any(String) as string });
  });

  it('are named with the other errors of an item where contradictions are rejected', () => {
    const pointers = (signCheck: 'reject' | 'warn') => {
      const result = parse({ memo: 'x' }, signCheck);
      return 'problem' in result ? result.problem.errors.map(({ pointer }) => pointer) : [];
    };
    expect([pointers('reject'), pointers('warn')]).toEqual([['/memo', '/amount'], ['/memo']]);
  });
});
