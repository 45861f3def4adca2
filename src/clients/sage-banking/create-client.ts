import { createAccountCalls } from './accounts.js';
import { createBankCalls } from './banks.js';
import type { SageBankingClient, SageBankingOptions } from './client.js';
import { createCompanyRequester } from './company-request.js';
import { createLinkCalls } from './links.js';
import { createOrganisationCalls } from './organisations.js';
import { createReprocessCalls } from './reprocess.js';
import { createRequester } from './request.js';
import { createRuleCalls } from './rules.js';
import { createTokenKeeper } from './tokens.js';
import { createTransactionCalls } from './transactions.js';

/** From sending to the last byte of the answer. */
export const sageRequestTimeoutMs = 10_000;

/**
 * Builds the client; nothing is sent before the first call. It keeps the tokens of companies: one client a process.
 *
 * @throws TypeError for an invalid URL
 */
export function createSageBankingClient(options: SageBankingOptions): SageBankingClient {
  const { applicationId, signingKey, provider, nowMs = Date.now } = options;
  const bankingUrl = new URL(options.bankingUrl);
  const authUrl = new URL(options.authUrl);
  const tokenServiceUrl = new URL(options.tokenServiceUrl);
  const linkOrigins = new Set(options.linkOrigins.map((origin) => new URL(origin).origin));
  const origins = { bankingOrigin: bankingUrl.origin, linkOrigins };
  const request = createRequester({
    fetch: options.fetch ?? fetch,
    timeoutMs: options.timeoutMs ?? sageRequestTimeoutMs,
    nowMs,
    secrets: [signingKey],
  });
  const tokens = createTokenKeeper({ request, authUrl, applicationId, nowMs });
  const companyRequest = createCompanyRequester({ request, tokens, bankingUrl, applicationId });
  return {
    ...createOrganisationCalls({
      request,
      companyRequest,
      tokens,
      bankingUrl,
      authUrl,
      tokenServiceUrl,
      applicationId,
      signingKey,
      provider,
    }),
    ...createBankCalls({ request, bankingUrl, applicationId }),
    ...createLinkCalls({ request, companyRequest, origins }),
    ...createAccountCalls({ companyRequest }),
    ...createTransactionCalls({ companyRequest }),
    ...createRuleCalls({ companyRequest }),
    ...createReprocessCalls({ companyRequest, origins }),
  };
}
