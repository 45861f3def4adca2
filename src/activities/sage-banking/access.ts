import type { SageCompanyAccess } from '../../clients/sage-banking/client.js';
import { readSageAccount, type SageAccountRow } from '../../db/sage-banking/accounts.js';
import { accessOf, readSageCompany } from '../../db/sage-banking/companies.js';
import type { SageBankingDeps, SageBankingParts } from './deps.js';
import { ChannelDisabled, Obsolete } from '../failures.js';

/**
 * The parts that every call to Sage needs.
 * @throws ChannelDisabled where the worker's configuration lacks the channel
 */
export function requireSageBanking(deps: SageBankingDeps): SageBankingParts {
  if (deps.sage === null) throw new ChannelDisabled('sage-banking');
  return deps.sage;
}

/** The credentials for calls about a company. Secret: hold them only as long as the call. @throws Obsolete when there is no such company */
export async function companyAccess(
  deps: SageBankingDeps,
  input: { connectionId: string },
): Promise<SageCompanyAccess> {
  const company = await readSageCompany(deps.pool, input);
  if (company === null) throw new Obsolete('the company does not exist');
  return accessOf(deps.keyring, company);
}

/** An account with the client and the credentials for calls about it. @throws Obsolete when there is no such account */
export async function accountAccess(
  deps: SageBankingDeps,
  input: { sageAccountId: string },
): Promise<{ sage: SageBankingParts; account: SageAccountRow; access: SageCompanyAccess }> {
  const sage = requireSageBanking(deps);
  const account = await readSageAccount(deps.pool, input);
  if (account === null) throw new Obsolete('the account does not exist');
  return { sage, account, access: await companyAccess(deps, account) };
}
