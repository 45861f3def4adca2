import type { BankCustomerRecord, BankRecord } from './records.js';

/** Banks that every sandbox has; ids never change, so that tests and pages may name them. */
export const HARBOUR_BANK = 'b0000000-0000-4000-8000-000000000001';
export const MEADOW_BANK = 'b0000000-0000-4000-8000-000000000002';
export const OLD_COUNTY_BANK = 'b0000000-0000-4000-8000-000000000003';
export const RIVERSIDE_BANK = 'b0000000-0000-4000-8000-000000000004';
export const MILL_BANK = 'b0000000-0000-4000-8000-000000000005';
export const LAKE_BANK = 'b0000000-0000-4000-8000-000000000006';

/** The login of every indirect bank here. */
export const BANK_USERNAME = 'demo';
export const BANK_PASSWORD = 'demo';

const indirect = { dataProvider: 'indirect', status: 'supported', popular: true, mechanism: null } as const;
const direct = { dataProvider: 'direct', status: 'supported', popular: false } as const;
const gbr = { primaryCountry: 'GBR', primaryCountry2: 'GB' };

export const SEED_BANKS: readonly BankRecord[] = [
  { id: HARBOUR_BANK, name: 'Harbour Bank', ...indirect, ...gbr, accountTypes: [] },
  { id: MEADOW_BANK, name: 'Meadow Building Society', ...indirect, popular: false, ...gbr, accountTypes: [] },
  {
    id: OLD_COUNTY_BANK,
    name: 'Old County Bank',
    ...direct,
    ...gbr,
    accountTypes: ['DEBIT', 'SAVINGS'],
    mechanism: 'pdf',
  },
  {
    id: RIVERSIDE_BANK,
    name: 'Riverside Bank',
    ...direct,
    ...gbr,
    accountTypes: ['DEBIT'],
    mechanism: 'url',
  },
  { id: MILL_BANK, name: 'Mill Bank', ...direct, ...gbr, accountTypes: ['DEBIT'], mechanism: 'instructions' },
  {
    id: LAKE_BANK,
    name: 'Lake National Bank',
    ...indirect,
    primaryCountry: 'USA',
    primaryCountry2: 'US',
    accountTypes: ['CHECKING'],
  },
];

/** Everybody signs in at every indirect bank alike and has three accounts there. */
export const SEED_BANK_CUSTOMERS: readonly BankCustomerRecord[] = SEED_BANKS.filter(
  (bank) => bank.dataProvider === 'indirect',
).map((bank, index) => ({
  id: `c0000000-0000-4000-8000-00000000000${index + 1}`,
  bankId: bank.id,
  username: BANK_USERNAME,
  password: BANK_PASSWORD,
  accounts: ['Current account', 'Savings account', 'Tax account'].map((name, number) => ({
    externalId: `ext-${index + 1}-${number + 1}`,
    name,
    accountIdentifier: `3100${index + 1}00${number + 1}`,
    branchIdentifier: '20-30-40',
  })),
}));
