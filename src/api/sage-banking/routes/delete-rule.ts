import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { requireOpenSageAccount, runSageCommand } from '../run-command.js';
import { sageDeletedRuleDoc } from '../command-json.js';
import { changeOf } from '../rule-answer.js';
import { sageRuleParams } from '../rule-params.js';

/** Deletes a rule at Sage for good. Runs as a command. */
export const deleteSageRule = defineSageRoute({
  method: 'delete',
  path: '/v1/sage/accounts/{sage_account_id}/rules/{rule_id}',
  roles: ['core'],
  resource: 'account or rule',
  summary: 'Delete a rule, for good',
  params: sageRuleParams,
  query: nothing,
  runsCommand: true,
  hasEtag: true,
  answers: {
    200: { description: 'Deleted', schema: sageDeletedRuleDoc },
  },
  handle: async ({ deps, params, seed, ...caller }) => {
    const { customerId } = await requireOpenSageAccount(deps, { sageAccountId: params.sage_account_id });
    const input = { ...params, ...changeOf(caller) };
    return await runSageCommand(deps, { kind: 'sage_delete_rule', customerId, input, seed });
  },
});
