import { z } from 'zod';
import { readCustomer } from '../../db/customers.js';
import type { ApiChannels } from '../channel.js';
import { connectionSchema } from '../connection-json.js';
import { defineRoute } from '../define-route.js';
import { customerId, nothing } from '../fields.js';
import { notFound } from '../problem.js';

const connectionsSchema = z.object({ connections: z.array(connectionSchema) }).meta({ id: 'Connections' });

/** A customer's connections on all channels; tokens are never returned. */
export function listConnections(channels: ApiChannels) {
  return defineRoute({
    method: 'get',
    path: '/v1/customers/{customer_id}/connections',
    roles: ['core', 'ops'],
    resource: 'customer',
    summary: "List a customer's connections, oldest first",
    params: z.strictObject({ customer_id: customerId }),
    query: nothing,
    answers: { 200: { description: 'All connections', schema: connectionsSchema } },
    handle: async ({ deps, params }) => {
      const customer = await readCustomer(deps.pool, { customerId: params.customer_id });
      if (customer === null) throw notFound('customer');
      const lists = await Promise.all(
        Object.values(channels).map((channel) => channel.listConnections(deps.pool, customer)),
      );
      const connections = lists
        .flat()
        .sort((one, other) => Date.parse(one.created_at) - Date.parse(other.created_at));
      return { status: 200, body: { connections } };
    },
  });
}
