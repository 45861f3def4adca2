import { z } from 'zod';
import { readCustomer } from '../../../db/customers.js';
import { listSageAccountsOfCustomer } from '../../../db/sage-banking/accounts.js';
import { defineSageRoute } from '../define-route.js';
import { customerId, nothing } from '../../fields.js';
import { notFound } from '../../problem.js';
import { sageAccountJson, sageAccountSchema } from '../account-json.js';

/** A customer's accounts at Sage's Banking Service. */
export const listSageAccounts = defineSageRoute({
  method: 'get',
  path: '/v1/sage/accounts',
  roles: ['core', 'ops'],
  resource: 'customer',
  summary: "List a customer's accounts at Sage's Banking Service, oldest first, including cancelled ones",
  params: nothing,
  query: z.strictObject({ customer_id: customerId }),
  answers: {
    200: {
      description: 'All accounts',
      schema: z.object({ accounts: z.array(sageAccountSchema) }).meta({ id: 'SageAccounts' }),
    },
  },
  handle: async ({ deps, query }) => {
    const customer = await readCustomer(deps.pool, { customerId: query.customer_id });
    if (customer === null) throw notFound('customer');
    const accounts = await listSageAccountsOfCustomer(deps.pool, customer);
    return { status: 200, body: { accounts: accounts.map((account) => sageAccountJson(deps, account)) } };
  },
});
