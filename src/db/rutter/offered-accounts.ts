import { earliestDayAnywhere, todayIn, zoneOf } from '../../domain/booking-day.js';
import { rutterCurrencies } from '../../domain/rutter/currencies.js';
import { handoffLimits } from '../../domain/rutter/handoff-limits.js';
import { publishObstacle } from '../../domain/rutter/may-publish.js';
import { listPublishableAccounts, type AccountRow } from '../accounts.js';
import type { Queryable } from '../pool.js';

export interface OfferedAccounts {
  readonly accounts: readonly AccountRow[];
  /** There are more than a page can offer: those that come later by name are left out. */
  readonly areMore: boolean;
}

/** The accounts of a customer that may be shared in a handoff, by name: none that is closed in its own zone. */
export async function listOfferedAccounts(
  db: Queryable,
  input: { customerId: string; bankTimeZone: string | null; nowMs: number },
): Promise<OfferedAccounts> {
  const { customerId, bankTimeZone, nowMs } = input;
  const { offeredAccountsMax } = handoffLimits;
  const accounts = await listPublishableAccounts(db, {
    customerId,
    currencies: [...rutterCurrencies],
    closedUntil: earliestDayAnywhere(nowMs),
    limit: offeredAccountsMax + 1,
  });
  const offered = accounts.slice(0, offeredAccountsMax).filter((account) => {
    const timeZone = zoneOf({ timeZone: account.timeZone ?? account.customerTimeZone, bankTimeZone });
    return publishObstacle(account, todayIn(timeZone, nowMs)) === null;
  });
  return { accounts: offered, areMore: accounts.length > offeredAccountsMax };
}
