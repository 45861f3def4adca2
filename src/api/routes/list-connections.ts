import { z } from 'zod';
import { listConnectionsOfCustomer } from '../../db/connections.js';
import { readCustomer } from '../../db/customers.js';
import { defineRoute } from '../define-route.js';
import { customerId, instant, nothing } from '../fields.js';
import { notFound } from '../problem.js';

const connectionsSchema = z
  .object({
    connections: z.array(
      z.object({
        connection_id: z.string().meta({ format: 'uuid' }),
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
    return { status: 200, body: { connections } };
  },
});
