import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { requireOpenSageAccount, runSageCommand } from '../run-command.js';
import { sageAccountParams } from '../account-params.js';
import { sageRestorableRulesDoc } from '../command-json.js';

/** Rules of disconnected accounts that can be restored on this one. Runs as a command. */
export const listSageRestorableRules = defineSageRoute({
  method: 'get',
  path: '/v1/sage/accounts/{sage_account_id}/restorable-rules',
  roles: ['core', 'ops'],
  resource: 'account',
  summary: 'List the rules of disconnected accounts of the company',
  description:
    'A reconnected account is a new account without rules. The rules of its own predecessors come first, by rank. `restored_rule_id` shows which ones this account already has.',
  params: sageAccountParams,
  query: nothing,
  problems: [409, 422, 502],
  runsCommand: true,
  answers: {
    200: { description: 'All of them', schema: sageRestorableRulesDoc },
  },
  handle: async ({ deps, params, seed }) => {
    const account = await requireOpenSageAccount(deps, { sageAccountId: params.sage_account_id });
    const { customerId, sageAccountId } = account;
    const input = { sage_account_id: sageAccountId };
    return await runSageCommand(deps, { kind: 'sage_list_restorable_rules', customerId, input, seed });
  },
});
