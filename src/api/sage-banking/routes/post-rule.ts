import { z } from 'zod';
import { defineSageRoute } from '../define-route.js';
import { requireValidRule } from '../require-valid-rule.js';
import { requireOpenSageAccount, runSageCommand } from '../run-command.js';
import { sageAccountParams } from '../account-params.js';
import { sageRulePreviewDoc, sageRuleDoc, sageRuleInputDoc } from '../command-json.js';
import { withRuleEtag } from '../rule-answer.js';
import { ruleBodyBytesMax, ruleIdField } from '../rule-params.js';

/** Creates a rule, or previews it. Runs as a command. */
export const postSageRule = defineSageRoute({
  method: 'post',
  path: '/v1/sage/accounts/{sage_account_id}/rules',
  roles: ['core'],
  resource: 'account',
  summary: 'Create a rule, or preview it on the stored transactions',
  description:
    'Validated here before anything is sent: a 422 lists every finding. Without `ruleRank` a new rule comes last; a rank that another rule has moves the others down. With `dry_run=true` nothing is saved: the answer previews which stored transactions the rule would match, how it would split the first of them, and which rules apply before it. A new rule changes no existing suggestions: see reprocess.',
  params: sageAccountParams,
  query: z
    .strictObject({
      dry_run: z
        .enum(['true', 'false'])
        .optional()
        .meta({ default: 'false', description: 'Only preview what the rule would match.' }),
      rule_id: ruleIdField.optional().meta({
        description:
          'With `dry_run`: the edited rule. It is left out of the comparison, and its rank is used.',
      }),
    })
    .refine((query) => query.rule_id === undefined || query.dry_run === 'true', {
      path: ['rule_id'],
      message: 'is only allowed with dry_run: use PUT to replace a rule',
    }),
  body: { schema: z.unknown(), bytesMax: ruleBodyBytesMax, documented: sageRuleInputDoc },
  runsCommand: true,
  hasEtag: true,
  answers: {
    200: { description: 'The preview of the rule', schema: sageRulePreviewDoc },
    201: { description: 'Created', schema: sageRuleDoc },
  },
  handle: async ({ deps, params, query, body, seed, role }) => {
    const account = await requireOpenSageAccount(deps, { sageAccountId: params.sage_account_id });
    const rule = await requireValidRule(deps, account, body);
    const { customerId } = account;
    const input = { sage_account_id: account.sageAccountId, rule };
    if (query.dry_run !== 'true') {
      const order = { kind: 'sage_create_rule', customerId, seed, doneStatus: 201 } as const;
      return withRuleEtag(await runSageCommand(deps, { ...order, input: { ...input, by: role } }));
    }
    const edited = query.rule_id === undefined ? {} : { rule_id: query.rule_id };
    return await runSageCommand(deps, {
      kind: 'sage_dry_run_rule',
      customerId,
      input: { ...input, ...edited },
      seed,
    });
  },
});
