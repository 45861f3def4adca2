import { z } from 'zod';
import { defineSageRoute } from '../define-route.js';
import { requireValidRule } from '../require-valid-rule.js';
import { requireOpenSageAccount, runSageCommand } from '../run-command.js';
import { sageAccountParams } from '../account-params.js';
import { sageRulePreviewDoc, sageRuleDoc, sageRuleInputDoc } from '../command-json.js';
import { ruleBodyBytesMax, ruleIdField } from '../rule-params.js';

/** Creates a rule, or only tells what it would hit, as a command. */
export const postSageRule = defineSageRoute({
  method: 'post',
  path: '/v1/sage/accounts/{sage_account_id}/rules',
  roles: ['core'],
  resource: 'account',
  summary: 'Create a rule, or try it on the stored transactions',
  description:
    'Validated by us before anything is sent: a 422 names all that is wrong. Without `ruleRank` a new rule comes last; a rank that is taken moves the others down. With `dry_run=true` nothing is saved: the answer tells which stored transactions the rule would hit, how it would split the first of them, and which rules come before it. A rule changes no suggestion by itself: see reprocess.',
  params: sageAccountParams,
  query: z
    .strictObject({
      dry_run: z
        .enum(['true', 'false'])
        .optional()
        .meta({ default: 'false', description: 'Only tell what the rule would hit.' }),
      rule_id: ruleIdField.optional().meta({
        description: 'With `dry_run`: the rule that is edited. It is left out, and its rank taken.',
      }),
    })
    .refine((query) => query.rule_id === undefined || query.dry_run === 'true', {
      path: ['rule_id'],
      message: 'belongs to a dry run: replace a rule by PUT',
    }),
  body: { schema: z.unknown(), bytesMax: ruleBodyBytesMax, documented: sageRuleInputDoc },
  runsCommand: true,
  answers: {
    200: { description: 'What the rule would hit', schema: sageRulePreviewDoc },
    201: { description: 'Created', schema: sageRuleDoc },
  },
  handle: async ({ deps, params, query, body, seed }) => {
    const account = await requireOpenSageAccount(deps, { sageAccountId: params.sage_account_id });
    const rule = await requireValidRule(deps, account, body);
    const { customerId } = account;
    const input = { sage_account_id: account.sageAccountId, rule };
    if (query.dry_run !== 'true') {
      return await runSageCommand(deps, {
        kind: 'sage_create_rule',
        doneStatus: 201,
        ...{ customerId, input, seed },
      });
    }
    const edited = query.rule_id === undefined ? {} : { rule_id: query.rule_id };
    return await runSageCommand(deps, {
      kind: 'sage_dry_run_rule',
      ...{ customerId, seed },
      input: { ...input, ...edited },
    });
  },
});
