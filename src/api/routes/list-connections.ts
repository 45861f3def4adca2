import { z } from 'zod';
import { readCustomer } from '../../db/customers.js';
import type { ApiChannels } from '../channel.js';
import { connectionSchema } from '../connection-json.js';
import { defineRoute } from '../define-route.js';
import { customerId, keyedPage, nextCursor, page, pageFields, uuidKeyForm } from '../fields.js';
import { notFound } from '../problem.js';

const connectionsSchema = z
  .object({ connections: z.array(connectionSchema), next_cursor: nextCursor })
  .meta({ id: 'Connections' });
/** Without `limit` a page holds all connections of any ordinary customer. */
const pageSizeDefault = 200;

/** A customer's connections on all channels; tokens are never returned. */
export function listConnections(channels: ApiChannels) {
  return defineRoute({
    method: 'get',
    path: '/v1/customers/{customer_id}/connections',
    roles: ['core', 'ops'],
    resource: 'customer',
    summary: "List a customer's connections, oldest first",
    params: z.strictObject({ customer_id: customerId }),
    query: z.strictObject({
      ...pageFields,
      limit: pageFields.limit.meta({ default: pageSizeDefault }),
    }),
    answers: { 200: { description: 'A page of connections', schema: connectionsSchema } },
    handle: async ({ deps, params, query }) => {
      const { after, limit } = keyedPage({ ...query, limit: query.limit ?? pageSizeDefault }, uuidKeyForm);
      const customer = await readCustomer(deps.pool, { customerId: params.customer_id });
      if (customer === null) throw notFound('customer');
      const lists = await Promise.all(
        Object.values(channels).map((channel) => channel.listConnections(deps.pool, customer)),
      );
      const connections = lists
        .flat()
        .sort((one, other) => Date.parse(one.created_at) - Date.parse(other.created_at));
      const begin = connections.findIndex(({ connection_id: id }) => id === after) + 1;
      const rows = after !== undefined && begin === 0 ? [] : connections.slice(begin);
      const { shown, next } = page(rows, limit, (connection) => connection.connection_id);
      return { status: 200, body: { connections: shown, next_cursor: next } };
    },
  });
}
