import { rutterCurrencies } from '../../domain/rutter/currencies.js';
import { listAccountsOfCustomer, type AccountRow } from '../accounts.js';
import type { Queryable } from '../pool.js';

/** The accounts of a customer that may be shared in a handoff, by name. */
export async function listOfferedAccounts(
  db: Queryable,
  input: { customerId: string },
): Promise<AccountRow[]> {
  return (await listAccountsOfCustomer(db, input)).filter(isOffered);
}

/** Not one that core banking keeps from being published, or that Rutter could not take. */
function isOffered(account: AccountRow): boolean {
  return account.publishable && rutterCurrencies.has(account.currency);
}
