import { todayIn, zoneOf } from '../../domain/booking-day.js';
import { publishObstacle } from '../../domain/rutter/may-publish.js';
import { listAccountsOfCustomer, type AccountRow } from '../accounts.js';
import type { Queryable } from '../pool.js';

/** The accounts of a customer that may be shared in a handoff, by name: none that is closed in its own zone. */
export async function listOfferedAccounts(
  db: Queryable,
  input: { customerId: string; bankTimeZone: string | null; nowMs: number },
): Promise<AccountRow[]> {
  const { bankTimeZone, nowMs } = input;
  const accounts = await listAccountsOfCustomer(db, input);
  return accounts.filter((account) => {
    const timeZone = zoneOf({ timeZone: account.timeZone ?? account.customerTimeZone, bankTimeZone });
    return publishObstacle(account, todayIn(timeZone, nowMs)) === null;
  });
}
