import { publishObstacle } from '../../domain/rutter/may-publish.js';
import { listAccountsOfCustomer, type AccountRow } from '../accounts.js';
import type { Queryable } from '../pool.js';

/** The accounts of a customer that may be shared in a handoff, by name. */
export async function listOfferedAccounts(
  db: Queryable,
  input: { customerId: string },
): Promise<AccountRow[]> {
  const accounts = await listAccountsOfCustomer(db, input);
  return accounts.filter((account) => publishObstacle(account) === null);
}
