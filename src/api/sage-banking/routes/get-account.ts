import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { sageAccountJson, sageAccountSchema } from '../account-json.js';
import { requireSageAccount, sageAccountParams } from '../account-params.js';

/** One account at Sage's Banking Service. */
export const getSageAccount = defineSageRoute({
  method: 'get',
  path: '/v1/sage/accounts/{sage_account_id}',
  roles: ['core', 'ops'],
  resource: 'account',
  summary: "Read an account at Sage's Banking Service",
  params: sageAccountParams,
  query: nothing,
  answers: { 200: { description: 'The account', schema: sageAccountSchema } },
  handle: async ({ deps, params }) => {
    const account = await requireSageAccount(deps, { sageAccountId: params.sage_account_id });
    return { status: 200, body: sageAccountJson(deps, account) };
  },
});
