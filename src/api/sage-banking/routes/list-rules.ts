import { commandSchema } from '../../command-json.js';
import { defineRoute } from '../../define-route.js';
import { nothing } from '../../fields.js';
import { requireSage } from '../require-channel.js';
import { runSageCommand } from '../run-command.js';
import { requireSageAccount, sageAccountParams } from '../account-params.js';
import { sageRulesDoc } from '../command-json.js';

/** The account's rules as Sage has them now, as a command. */
export const listSageRules = defineRoute({
  method: 'get',
  path: '/v1/sage/accounts/{sage_account_id}/rules',
  roles: ['core', 'ops'],
  resource: 'account',
  summary: 'Rules of an account, by rank',
  params: sageAccountParams,
  query: nothing,
  problems: [409, 422, 502],
  answers: {
    200: { description: 'All of them', schema: sageRulesDoc },
    202: { description: 'Still running: read the command at `Location`', schema: commandSchema },
  },
  handle: async ({ deps, params, seed }) => {
    requireSage(deps);
    const account = await requireSageAccount(deps, { sageAccountId: params.sage_account_id });
    const { customerId, sageAccountId } = account;
    const input = { sage_account_id: sageAccountId };
    return await runSageCommand(deps, { kind: 'sage_list_rules', customerId, input, seed });
  },
});
