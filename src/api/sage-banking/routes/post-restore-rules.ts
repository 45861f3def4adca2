import { z } from 'zod';
import { ruleLimits } from '../../../domain/sage-banking/rules/rule-assumptions.js';
import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { requireOpenSageAccount, runSageCommand } from '../run-command.js';
import { sageAccountParams } from '../account-params.js';
import { sageRestoreDoc } from '../command-json.js';
import { ruleIdField } from '../rule-params.js';

const bodyBytesMax = 128 * 1024;

const restoreBody = z
  .strictObject({
    rule_ids: z
      .array(ruleIdField)
      .min(1)
      .max(ruleLimits.rulesMax)
      .meta({ description: 'Ids of restorable rules, in any order: they are restored by rank.' }),
  })
  .meta({ id: 'SageRestoreInput' });

/** Creates chosen rules of disconnected accounts on this one. Runs as a command. */
export const postSageRestoreRules = defineSageRoute({
  method: 'post',
  path: '/v1/sage/accounts/{sage_account_id}/restore-rules',
  roles: ['core'],
  resource: 'account',
  summary: 'Restore rules after a reconnect',
  description:
    'The rules are created one after the other with their ranks; the answer has the outcome of each. Repeating the call restores nothing twice. Transactions that arrived before keep their suggestions until they are reprocessed: `reprocess_suggested` says whether there are any.',
  params: sageAccountParams,
  query: nothing,
  body: { schema: restoreBody, bytesMax: bodyBytesMax },
  runsCommand: true,
  answers: {
    200: { description: 'The outcome of each rule', schema: sageRestoreDoc },
  },
  handle: async ({ deps, params, body, seed }) => {
    const account = await requireOpenSageAccount(deps, { sageAccountId: params.sage_account_id });
    const { customerId, sageAccountId } = account;
    const input = { sage_account_id: sageAccountId, rule_ids: body.rule_ids };
    return await runSageCommand(deps, { kind: 'sage_restore_rules', customerId, input, seed });
  },
});
