import { z } from 'zod';
import { readCustomer } from '../../db/customers.js';
import { customerJson, customerSchema } from '../customer-json.js';
import { defineRoute } from '../define-route.js';
import { customerId, nothing } from '../fields.js';
import { notFound } from '../problem.js';

/** One customer; never a password or its hash. */
export const getCustomer = defineRoute({
  method: 'get',
  path: '/v1/customers/{customer_id}',
  roles: ['core', 'ops'],
  resource: 'customer',
  summary: 'Read a customer',
  params: z.strictObject({ customer_id: customerId }),
  query: nothing,
  answers: { 200: { description: 'The customer', schema: customerSchema } },
  handle: async ({ deps, params }) => {
    const customer = await readCustomer(deps.pool, { customerId: params.customer_id });
    if (customer === null) throw notFound('customer');
    return { status: 200, body: customerJson(customer) };
  },
});
