import { requestSageCancellation } from '../../db/sage-banking/account-life.js';
import { listSageAccountsOfCustomer, type SageAccountRow } from '../../db/sage-banking/accounts.js';
import { listSageCompanies, readSageCompany, type SageCompanyRow } from '../../db/sage-banking/companies.js';
import { sageCompanyRefusedReason } from '../../domain/sage-banking/account-limits.js';
import type { SageBankingFacade } from '../../temporal/sage-banking/facade.js';
import type { ApiChannel } from '../channel.js';
import type { ConnectionJson } from '../connection-json.js';
import { bindRoutes, unconfiguredRoutes } from '../define-route.js';
import { Problem } from '../problem.js';
import { receivedCounts } from './account-json.js';
import { sageResultSchemas } from './command-json.js';
import { sageRoutes } from './routes/index.js';

const notConfigured = new Problem({
  status: 501,
  code: 'channel_not_configured',
  detail: 'this installation does not use the channel sage-banking: SAGE_BANKING_URL is not set',
  extra: { channel: 'sage-banking' },
});

export interface SageBankingApiInput {
  readonly facade: SageBankingFacade;
}

/** The `sage-banking` channel in the machine API. @param input null where the channel has no configuration */
export function createSageBankingApi(input: SageBankingApiInput | null): ApiChannel {
  return {
    id: 'sage-banking',
    notConfigured: input === null ? notConfigured : null,
    routes:
      input === null
        ? unconfiguredRoutes(sageRoutes, notConfigured)
        : bindRoutes(sageRoutes, { sage: input.facade }),
    webhook: null,
    commandResults: sageResultSchemas,
    feedCounts: receivedCounts,
    publishing: null,
    listConnections: async (pool, customer) => {
      const companies = await listSageCompanies(pool, customer);
      const accounts = companies.length === 0 ? [] : await listSageAccountsOfCustomer(pool, customer);
      return companies.map((company) => companyJson(company, accounts));
    },
    readConnection: async (pool, connection) => {
      const company = await readSageCompany(pool, connection);
      return company === null ? null : companyJson(company, await listSageAccountsOfCustomer(pool, company));
    },
    // Sage deletes no companies.
    unlinkConnection: null,
    // The feed is an account at Sage: its row records a requested end, and every other request is a check.
    requestFeedAction: async (deps, { feedId, action }) => {
      if (input === null) throw notConfigured;
      const sageAccountId = feedId;
      if (action === 'close') await requestSageCancellation(deps.pool, { sageAccountId });
      await input.facade.wakeAccount({ sageAccountId });
    },
    accountChanged: () => Promise.resolve(),
    // Postings of core banking are not sent on this channel.
    wakeFeedsOf: () => Promise.resolve(),
  };
}

/** A company at Sage's Banking Service as a connection. Its status is derived from the status of its open accounts. */
function companyJson(company: SageCompanyRow, accounts: readonly SageAccountRow[]): ConnectionJson {
  const open = accounts.filter(
    (account) => account.connectionId === company.connectionId && account.status !== 'cancelled',
  );
  const isRefused = open.some((account) => account.reason === sageCompanyRefusedReason);
  return {
    connection_id: company.connectionId,
    customer_id: company.customerId,
    company_id: company.companyId,
    channel: 'sage-banking',
    platform: 'SAGE_BANKING_SERVICE',
    name: company.name,
    status: isRefused ? 'refused' : 'ok',
    provider_status: null,
    status_reason: isRefused ? sageCompanyRefusedReason : null,
    link_url: null,
    linked_feeds: open.length,
    unlink_requested_at: null,
    unlinked_at: null,
    open_batch_feed_id: null,
    created_at: company.createdAt,
  };
}
