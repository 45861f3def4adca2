import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import { readSageAccount } from '../../db/sage-banking/accounts.js';
import type { SageVisit } from './context.js';
import { notFoundProblem, requireUuid } from './context.js';

/** The account in the URL. @throws {PageProblem} 404 when it does not exist or belongs to another customer */
export async function requireOwnAccount(visit: SageVisit): Promise<SageAccountRow> {
  const account = await readSageAccount(visit.pages.pool, {
    sageAccountId: requireUuid(visit, 'sageAccountId'),
  });
  if (account?.customerId !== visit.customer.customerId) throw notFoundProblem(visit);
  return account;
}
