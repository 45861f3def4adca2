import type { BankCustomerRecord, BankRecord } from './records.js';

/** Banks that every sandbox has; ids never change, so that tests and pages may name them. */
export const harbourBank = 'b0000000-0000-4000-8000-000000000001';
export const meadowBank = 'b0000000-0000-4000-8000-000000000002';
export const oldCountyBank = 'b0000000-0000-4000-8000-000000000003';
export const riversideBank = 'b0000000-0000-4000-8000-000000000004';
export const millBank = 'b0000000-0000-4000-8000-000000000005';
export const lakeBank = 'b0000000-0000-4000-8000-000000000006';

/** The login of every indirect bank here. */
export const bankUsername = 'demo';
export const bankPassword = 'demo';

const indirect = { dataProvider: 'indirect', status: 'supported', popular: true, mechanism: null } as const;
const direct = { dataProvider: 'direct', status: 'supported', popular: false } as const;
const gbr = { primaryCountry: 'GBR', primaryCountry2: 'GB' };

export const seedBanks: readonly BankRecord[] = [
  { id: harbourBank, name: 'Harbour Bank', ...indirect, ...gbr, accountTypes: [] },
  { id: meadowBank, name: 'Meadow Building Society', ...indirect, popular: false, ...gbr, accountTypes: [] },
  {
    id: oldCountyBank,
    name: 'Old County Bank',
    ...direct,
    ...gbr,
    accountTypes: ['DEBIT', 'SAVINGS'],
    mechanism: 'pdf',
  },
  {
    id: riversideBank,
    name: 'Riverside Bank',
    ...direct,
    ...gbr,
    accountTypes: ['DEBIT'],
    mechanism: 'url',
  },
  { id: millBank, name: 'Mill Bank', ...direct, ...gbr, accountTypes: ['DEBIT'], mechanism: 'instructions' },
  {
    id: lakeBank,
    name: 'Lake National Bank',
    ...indirect,
    primaryCountry: 'USA',
    primaryCountry2: 'US',
    accountTypes: ['CHECKING'],
  },
];

/** Everybody signs in at every indirect bank alike and has three accounts there. */
export const seedBankCustomers: readonly BankCustomerRecord[] = seedBanks
  .filter((bank) => bank.dataProvider === 'indirect')
  .map((bank, index) => ({
    id: `c0000000-0000-4000-8000-00000000000${index + 1}`,
    bankId: bank.id,
    username: bankUsername,
    password: bankPassword,
    accounts: ['Current account', 'Savings account', 'Tax account'].map((name, number) => ({
      externalId: `ext-${index + 1}-${number + 1}`,
      name,
      accountIdentifier: `3100${index + 1}00${number + 1}`,
      branchIdentifier: '20-30-40',
    })),
  }));
