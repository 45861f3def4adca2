import { z } from 'zod';
import { listCustomers as readCustomers } from '../../db/customers.js';
import { customerJson, customerSchema } from '../customer-json.js';
import { defineRoute } from '../define-route.js';
import { givenIdKeyForm, keyedPage, nextCursor, nothing, page, pageFields } from '../fields.js';

/** All customers, page by page in the order of their ids. */
export const listCustomers = defineRoute({
  method: 'get',
  path: '/v1/customers',
  roles: ['core', 'ops'],
  resource: 'customer',
  summary: 'List customers, in the order of their ids',
  params: nothing,
  query: z.strictObject(pageFields),
  answers: {
    200: {
      description: 'A page of customers',
      schema: z
        .object({ customers: z.array(customerSchema), next_cursor: nextCursor })
        .meta({ id: 'CustomerPage' }),
    },
  },
  handle: async ({ deps, query }) => {
    const { after, limit } = keyedPage(query, givenIdKeyForm);
    const rows = await readCustomers(deps.pool, { afterCustomerId: after, limit: limit + 1 });
    const { shown, next } = page(rows, limit, (customer) => customer.customerId);
    return { status: 200, body: { customers: shown.map(customerJson), next_cursor: next } };
  },
});
