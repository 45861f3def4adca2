import { z } from 'zod';
import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { requireValidRule } from '../require-valid-rule.js';
import { requireOpenSageAccount, runSageCommand } from '../run-command.js';
import { sageRuleDoc, sageRuleInputDoc } from '../command-json.js';
import { changeOf, withRuleEtag } from '../rule-answer.js';
import { ruleBodyBytesMax, sageRuleParams } from '../rule-params.js';

/** Replaces a whole rule. Runs as a command. */
export const putSageRule = defineSageRoute({
  method: 'put',
  path: '/v1/sage/accounts/{sage_account_id}/rules/{rule_id}',
  roles: ['core'],
  resource: 'account or rule',
  summary: 'Replace a rule',
  description:
    'Validated as when creating a rule. Without `ruleRank` it keeps its rank. With `If-Match` the rule is replaced only while it has that `ETag`; without, the last change counts. A command whose answer was lost is not sent again after a later one, but ends with 409 `superseded`: read the rule then.',
  params: sageRuleParams,
  query: nothing,
  body: { schema: z.unknown(), bytesMax: ruleBodyBytesMax, documented: sageRuleInputDoc },
  runsCommand: true,
  hasEtag: true,
  answers: {
    200: { description: 'Replaced', schema: sageRuleDoc },
  },
  handle: async ({ deps, params, body, seed, ...caller }) => {
    const account = await requireOpenSageAccount(deps, { sageAccountId: params.sage_account_id });
    const input = { ...params, ...changeOf(caller), rule: await requireValidRule(deps, account, body) };
    const { customerId } = account;
    const order = { kind: 'sage_replace_rule', customerId, input, seed } as const;
    return withRuleEtag(await runSageCommand(deps, order));
  },
});
