import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { runSageCommand } from '../run-command.js';
import { requireSageAccount } from '../account-params.js';
import { sageRuleDoc } from '../command-json.js';
import { withRuleEtag } from '../rule-answer.js';
import { sageRuleParams } from '../rule-params.js';

/** One rule as Sage has it now. Runs as a command. */
export const getSageRule = defineSageRoute({
  method: 'get',
  path: '/v1/sage/accounts/{sage_account_id}/rules/{rule_id}',
  roles: ['core', 'ops'],
  resource: 'account or rule',
  summary: 'Read a rule',
  params: sageRuleParams,
  query: nothing,
  problems: [409, 422, 502],
  runsCommand: true,
  hasEtag: true,
  answers: {
    200: { description: 'The rule', schema: sageRuleDoc },
  },
  handle: async ({ deps, params, seed }) => {
    const { customerId } = await requireSageAccount(deps, { sageAccountId: params.sage_account_id });
    const order = { kind: 'sage_get_rule', customerId, input: params, seed } as const;
    return withRuleEtag(await runSageCommand(deps, order));
  },
});
