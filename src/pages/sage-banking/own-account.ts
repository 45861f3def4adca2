import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import { readSageAccount } from '../../db/sage-banking/accounts.js';
import type { SageVisit } from './context.js';
import { notThere, requireUuid } from './context.js';

/** The account that the address names. @throws {PageProblem} 404 when it is not there or another customer's */
export async function requireOwnAccount(visit: SageVisit): Promise<SageAccountRow> {
  const account = await readSageAccount(visit.pages.pool, {
    sageAccountId: requireUuid(visit, 'sageAccountId'),
  });
  if (account?.customerId !== visit.customer.customerId) throw notThere(visit);
  return account;
}
