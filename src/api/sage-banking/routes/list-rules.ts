import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { runSageCommand } from '../run-command.js';
import { requireSageAccount, sageAccountParams } from '../account-params.js';
import { sageRulesDoc } from '../command-json.js';

/** The account's rules as Sage has them now. Runs as a command. */
export const listSageRules = defineSageRoute({
  method: 'get',
  path: '/v1/sage/accounts/{sage_account_id}/rules',
  roles: ['core', 'ops'],
  resource: 'account',
  summary: 'List the rules of an account, by rank',
  params: sageAccountParams,
  query: nothing,
  problems: [409, 422, 502],
  runsCommand: true,
  answers: {
    200: { description: 'All of them', schema: sageRulesDoc },
  },
  handle: async ({ deps, params, seed }) => {
    const account = await requireSageAccount(deps, { sageAccountId: params.sage_account_id });
    const { customerId, sageAccountId } = account;
    const input = { sage_account_id: sageAccountId };
    return await runSageCommand(deps, { kind: 'sage_list_rules', customerId, input, seed });
  },
});
