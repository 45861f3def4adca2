import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { requireOpenSageAccount, runSageCommand } from '../run-command.js';
import { sageAccountParams } from '../account-params.js';
import { sageCandidatesDoc } from '../command-json.js';

/** Accounts that the customer has granted with the consent of this one. Runs as a command. */
export const listSageCandidates = defineSageRoute({
  method: 'get',
  path: '/v1/sage/accounts/{sage_account_id}/available-accounts',
  roles: ['core', 'ops'],
  resource: 'account',
  summary: 'List the accounts that were granted with the consent of this one',
  description:
    'At most banks a consent covers all accounts of the customer: they can be linked without another one. Sage asks the bank, which takes some ten seconds.',
  params: sageAccountParams,
  query: nothing,
  problems: [409, 422, 502],
  runsCommand: true,
  answers: {
    200: { description: 'All of them', schema: sageCandidatesDoc },
  },
  handle: async ({ deps, params, seed }) => {
    const account = await requireOpenSageAccount(deps, { sageAccountId: params.sage_account_id });
    const { customerId, sageAccountId } = account;
    const input = { sage_account_id: sageAccountId };
    return await runSageCommand(deps, { kind: 'sage_list_candidates', customerId, input, seed });
  },
});
