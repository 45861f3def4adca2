import { cancelSageAccount } from '../cancel-account.js';
import { defineRoute } from '../../define-route.js';
import { nothing } from '../../fields.js';
import { requireSage } from '../require-channel.js';
import { sageAccountJson, sageAccountSchema } from '../account-json.js';
import { requireSageAccount, sageAccountParams } from '../account-params.js';

/** Disconnects an account at Sage, for good. */
export const deleteSageAccount = defineRoute({
  method: 'delete',
  path: '/v1/sage/accounts/{sage_account_id}',
  roles: ['core', 'ops'],
  resource: 'account',
  summary: 'Disconnect an account, for good',
  description:
    'What Sage has of it is read first, then it is cancelled there. Its transactions stay here. Connecting it again makes a new account, which can be given the rules of this one. Asking twice is asking once.',
  params: sageAccountParams,
  query: nothing,
  answers: {
    200: { description: 'Cancelled', schema: sageAccountSchema },
    202: { description: 'Asked for; not done within 20 s', schema: sageAccountSchema },
  },
  handle: async ({ deps, params }) => {
    const sage = requireSage(deps);
    const { sageAccountId } = await requireSageAccount(deps, { sageAccountId: params.sage_account_id });
    const account = await cancelSageAccount({ deps, sage, sageAccountId });
    return { status: account.status === 'cancelled' ? 200 : 202, body: sageAccountJson(deps, account) };
  },
});
