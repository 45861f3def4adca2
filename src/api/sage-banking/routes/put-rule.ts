import { z } from 'zod';
import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { requireValidRule } from '../require-valid-rule.js';
import { requireOpenSageAccount, runSageCommand } from '../run-command.js';
import { sageRuleDoc, sageRuleInputDoc } from '../command-json.js';
import { ruleBodyBytesMax, sageRuleParams } from '../rule-params.js';

/** Replaces a whole rule. Runs as a command. */
export const putSageRule = defineSageRoute({
  method: 'put',
  path: '/v1/sage/accounts/{sage_account_id}/rules/{rule_id}',
  roles: ['core'],
  resource: 'account or rule',
  summary: 'Replace a rule',
  description:
    'Validated as when creating a rule. Without `ruleRank` it keeps its rank. Commands for one rule are not ordered: the last one that Sage received counts. A command whose answer was lost is not sent again after a later one, but ends with 409 `superseded`: read the rule then.',
  params: sageRuleParams,
  query: nothing,
  body: { schema: z.unknown(), bytesMax: ruleBodyBytesMax, documented: sageRuleInputDoc },
  runsCommand: true,
  answers: {
    200: { description: 'Replaced', schema: sageRuleDoc },
  },
  handle: async ({ deps, params, body, seed }) => {
    const account = await requireOpenSageAccount(deps, { sageAccountId: params.sage_account_id });
    const input = { ...params, rule: await requireValidRule(deps, account, body) };
    const { customerId } = account;
    return await runSageCommand(deps, { kind: 'sage_replace_rule', customerId, input, seed });
  },
});
