import type { SageCompanyAccess } from '../../clients/sage-banking/client.js';
import { readSageAccount, type SageAccountRow } from '../../db/sage-banking/accounts.js';
import { accessOf, readSageCompany } from '../../db/sage-banking/companies.js';
import type { ActivityDeps, SageBankingChannel } from '../deps.js';
import { Obsolete } from '../failures.js';

/**
 * What activities of the `sage-banking` channel begin with.
 * @throws Error while the service runs for the `rutter` channel alone: tried again, since a configuration was taken away
 */
export function requireSageBanking(deps: ActivityDeps): SageBankingChannel {
  if (deps.sage === null)
    throw new Error("the channel of Sage's Banking Service is closed: no SAGE_BANKING_URL");
  return deps.sage;
}

/** How a company is called for. Secret: hold it only as long as the call. @throws Obsolete when there is no such company */
export async function companyAccess(
  deps: ActivityDeps,
  input: { connectionId: string },
): Promise<SageCompanyAccess> {
  const company = await readSageCompany(deps.pool, input);
  if (company === null) throw new Obsolete('the company does not exist');
  return accessOf(deps.keyring, company);
}

/** An account with all that a call about it needs. @throws Obsolete when there is no such account */
export async function accountAccess(
  deps: ActivityDeps,
  input: { sageAccountId: string },
): Promise<{ channel: SageBankingChannel; account: SageAccountRow; access: SageCompanyAccess }> {
  const channel = requireSageBanking(deps);
  const account = await readSageAccount(deps.pool, input);
  if (account === null) throw new Obsolete('the account does not exist');
  return { channel, account, access: await companyAccess(deps, account) };
}
