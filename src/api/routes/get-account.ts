import { z } from 'zod';
import { readAccount } from '../../db/accounts.js';
import { accountJson, accountSchema } from '../account-json.js';
import { defineRoute } from '../define-route.js';
import { accountId, nothing } from '../fields.js';
import { notFound } from '../problem.js';

/** One account; of its numbers only the last characters. */
export const getAccount = defineRoute({
  method: 'get',
  path: '/v1/accounts/{account_id}',
  roles: ['core', 'ops'],
  resource: 'account',
  summary: 'Read an account',
  params: z.strictObject({ account_id: accountId }),
  query: nothing,
  answers: { 200: { description: 'The account', schema: accountSchema } },
  handle: async ({ deps, params }) => {
    const account = await readAccount(deps.pool, { accountId: params.account_id });
    if (account === null) throw notFound('account');
    return { status: 200, body: accountJson(account) };
  },
});
