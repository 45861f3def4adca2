import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { requireSageAccount } from '../account-params.js';
import { runSageCommand } from '../run-command.js';
import { sageDeletedRuleDoc } from '../command-json.js';
import { sageRuleParams } from '../rule-params.js';

/** Deletes a rule that a disconnected account of the company has left. Runs as a command. */
export const deleteSageRestorableRule = defineSageRoute({
  method: 'delete',
  path: '/v1/sage/accounts/{sage_account_id}/restorable-rules/{rule_id}',
  roles: ['core'],
  resource: 'account or rule',
  summary: 'Delete a rule of a disconnected account, for good',
  description:
    'For rules that nobody will restore. The account, which may be cancelled, says which company it is; the rule may be of any of its disconnected accounts. What was restored from the rule stays.',
  params: sageRuleParams,
  query: nothing,
  runsCommand: true,
  answers: {
    200: { description: 'Deleted', schema: sageDeletedRuleDoc },
  },
  handle: async ({ deps, params, seed }) => {
    const { customerId } = await requireSageAccount(deps, { sageAccountId: params.sage_account_id });
    const kind = 'sage_delete_disconnected_rule';
    return await runSageCommand(deps, { kind, customerId, input: params, seed });
  },
});
