import { expect, it } from 'vitest';
import { currencyCodes } from '../../../sandbox/rutter/currency-codes.js';
import { rutterCurrencies } from '../../../src/domain/rutter/currencies.js';

it("service and sandbox keep the same 182 codes of Rutter's list, each its own copy", () => {
  expect([...rutterCurrencies].sort()).toEqual([...currencyCodes].sort());
  expect(rutterCurrencies.size).toBe(182);
});

it('has old codes whose successors are missing', () => {
  for (const code of ['BYR', 'MRO', 'SLL', 'STD', 'VEF', 'HRK', 'BTC', 'ETH']) {
    expect([code, rutterCurrencies.has(code)]).toEqual([code, true]);
  }
  for (const code of ['BYN', 'MRU', 'SLE', 'STN', 'VES', 'XCG', 'ZWG']) {
    expect([code, rutterCurrencies.has(code)]).toEqual([code, false]);
  }
});
