import { z } from 'zod';
import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { requireValidRuleChanges } from '../require-valid-rule.js';
import { requireOpenSageAccount, runSageCommand } from '../run-command.js';
import { sageRuleChangesDoc, sageRuleDoc } from '../command-json.js';
import { changeOf, withRuleEtag } from '../rule-answer.js';
import { ruleBodyBytesMax, sageRuleParams } from '../rule-params.js';

/** Changes members of a rule, for instance its rank. Runs as a command. */
export const patchSageRule = defineSageRoute({
  method: 'patch',
  path: '/v1/sage/accounts/{sage_account_id}/rules/{rule_id}',
  roles: ['core'],
  resource: 'account or rule',
  summary: 'Change a rule, or its rank',
  description:
    'The given members are validated as when creating a rule. A rank that another rule has inserts the rule there and moves the others down; a rank beyond the end means the end. 409 `superseded` as when replacing a rule.',
  params: sageRuleParams,
  query: nothing,
  body: { schema: z.unknown(), bytesMax: ruleBodyBytesMax, documented: sageRuleChangesDoc },
  runsCommand: true,
  hasEtag: true,
  answers: {
    200: { description: 'Changed', schema: sageRuleDoc },
  },
  handle: async ({ deps, params, body, seed, ...caller }) => {
    const account = await requireOpenSageAccount(deps, { sageAccountId: params.sage_account_id });
    const input = {
      ...params,
      ...changeOf(caller),
      rule: await requireValidRuleChanges(deps, account, body),
    };
    const { customerId } = account;
    const order = { kind: 'sage_amend_rule', customerId, input, seed } as const;
    return withRuleEtag(await runSageCommand(deps, order));
  },
});
