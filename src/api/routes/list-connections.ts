import { z } from 'zod';
import { listConnectionsOfCustomer } from '../../db/connections.js';
import { readCustomer } from '../../db/customers.js';
import { listSageAccountsOfCustomer, type SageAccountRow } from '../../db/sage-banking/accounts.js';
import { listSageCompanies, type SageCompanyRow } from '../../db/sage-banking/companies.js';
import { sageCompanyRefusedReason } from '../../domain/sage-banking/account-limits.js';
import { defineRoute } from '../define-route.js';
import { customerId, instant, nothing } from '../fields.js';
import { notFound } from '../problem.js';

const connectionsSchema = z
  .object({
    connections: z.array(
      z.object({
        connection_id: z.string().meta({ format: 'uuid' }),
        company_id: z
          .string()
          .nullable()
          .meta({ description: "Sage's id, of a company at its Banking Service." }),
        channel: z.enum(['rutter', 'sage-banking']),
        platform: z.string(),
        name: z.string().nullable(),
        status: z.enum(['ok', 'refused', 'unavailable']),
        provider_status: z.string().nullable(),
        status_reason: z.string().nullable(),
        link_url: z.string().nullable(),
        linked_feeds: z.int(),
        created_at: instant,
      }),
    ),
  })
  .meta({ id: 'Connections' });

/** A customer's connections; tokens never come back. */
export const listConnections = defineRoute({
  method: 'get',
  path: '/v1/customers/{customer_id}/connections',
  roles: ['core', 'ops'],
  resource: 'customer',
  summary: "A customer's connections, oldest first",
  params: z.strictObject({ customer_id: customerId }),
  query: nothing,
  answers: { 200: { description: 'All connections', schema: connectionsSchema } },
  handle: async ({ deps, params }) => {
    const customer = await readCustomer(deps.pool, { customerId: params.customer_id });
    if (customer === null) throw notFound('customer');
    const rows = await listConnectionsOfCustomer(deps.pool, { customerId: customer.customerId });
    const connections = rows.map((row) => ({
      connection_id: row.connectionId,
      company_id: null,
      channel: row.channel,
      platform: row.platform,
      name: row.name,
      status: row.status,
      provider_status: row.providerStatus,
      status_reason: row.statusReason,
      link_url: row.linkUrl,
      linked_feeds: row.linkedFeeds,
      created_at: row.createdAt,
    }));
    const companies = await listSageCompanies(deps.pool, customer);
    const accounts = companies.length === 0 ? [] : await listSageAccountsOfCustomer(deps.pool, customer);
    const all = [...connections, ...companies.map((company) => companyJson(company, accounts))];
    all.sort((one, other) => Date.parse(one.created_at) - Date.parse(other.created_at));
    return { status: 200, body: { connections: all } };
  },
});

/** A company at Sage's Banking Service as a connection: what is known of its state is what its accounts met. */
function companyJson(company: SageCompanyRow, accounts: readonly SageAccountRow[]) {
  const open = accounts.filter(
    (account) => account.connectionId === company.connectionId && account.status !== 'cancelled',
  );
  const isRefused = open.some((account) => account.reason === sageCompanyRefusedReason);
  return {
    connection_id: company.connectionId,
    company_id: company.companyId,
    channel: 'sage-banking' as const,
    platform: 'SAGE_BANKING_SERVICE',
    name: company.name,
    status: isRefused ? ('refused' as const) : ('ok' as const),
    provider_status: null,
    status_reason: isRefused ? sageCompanyRefusedReason : null,
    link_url: null,
    linked_feeds: open.length,
    created_at: company.createdAt,
  };
}
