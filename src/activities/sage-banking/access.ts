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

/** How a company is called for. Secret: hold it only as long as the call. @throws Obsolete when there is no such company */
export async function companyAccess(
  deps: SageBankingDeps,
  input: { connectionId: string },
): Promise<SageCompanyAccess> {
  const company = await readSageCompany(deps.pool, input);
  if (company === null) throw new Obsolete('the company does not exist');
  return accessOf(deps.keyring, company);
}

/** An account with all that a call about it needs. @throws Obsolete when there is no such account */
export async function accountAccess(
  deps: SageBankingDeps,
  input: { sageAccountId: string },
): Promise<{ channel: SageBankingParts; account: SageAccountRow; access: SageCompanyAccess }> {
  const channel = requireSageBanking(deps);
  const account = await readSageAccount(deps.pool, input);
  if (account === null) throw new Obsolete('the account does not exist');
  return { channel, account, access: await companyAccess(deps, account) };
}
