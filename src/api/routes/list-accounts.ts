import { z } from 'zod';
import { listAccounts as readAccounts } from '../../db/accounts.js';
import { readCustomer } from '../../db/customers.js';
import { accountJson, accountSchema } from '../account-json.js';
import { defineRoute } from '../define-route.js';
import { customerId, givenIdKeyForm, keyedPage, nextCursor, page, pageFields } from '../fields.js';
import { notFound } from '../problem.js';

/** A customer's accounts, closed ones included. */
export const listAccounts = defineRoute({
  method: 'get',
  path: '/v1/customers/{customer_id}/accounts',
  roles: ['core', 'ops'],
  resource: 'customer',
  summary: "List a customer's accounts, in the order of their ids",
  params: z.strictObject({ customer_id: customerId }),
  query: z.strictObject(pageFields),
  answers: {
    200: {
      description: 'A page of accounts',
      schema: z
        .object({ accounts: z.array(accountSchema), next_cursor: nextCursor })
        .meta({ id: 'AccountPage' }),
    },
  },
  handle: async ({ deps, params, query }) => {
    const { after, limit } = keyedPage(query, givenIdKeyForm);
    const customer = await readCustomer(deps.pool, { customerId: params.customer_id });
    if (customer === null) throw notFound('customer');
    const rows = await readAccounts(deps.pool, {
      customerId: customer.customerId,
      afterAccountId: after,
      limit: limit + 1,
    });
    const { shown, next } = page(rows, limit, (account) => account.accountId);
    return { status: 200, body: { accounts: shown.map(accountJson), next_cursor: next } };
  },
});
