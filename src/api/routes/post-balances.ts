import { z } from 'zod';
import { storeBalances } from '../../db/account-balances.js';
import { readAccount } from '../../db/accounts.js';
import { balanceFindings, balancesInput, balancesOf } from '../account-input.js';
import { balancesJson, balancesSchema } from '../account-json.js';
import { defineRoute } from '../define-route.js';
import { accountId, nothing } from '../fields.js';
import { invalid, notFound } from '../problem.js';

const bodyBytesMax = 4 * 1024;

/** Stores the balances of an account alone, unless those of a newer moment are stored already. */
export const postBalances = defineRoute({
  method: 'post',
  path: '/v1/accounts/{account_id}/balances',
  roles: ['core'],
  resource: 'account',
  summary: 'Update the balances of an account',
  description:
    'Both balances are replaced together, so one that is left out is not known any more. Balances of an older moment than the stored ones change nothing: `updated` is then false, and the answer shows the stored ones.',
  params: z.strictObject({ account_id: accountId }),
  query: nothing,
  body: { schema: balancesInput, bytesMax: bodyBytesMax },
  answers: {
    200: {
      description: 'The stored balances',
      schema: z.object({ account_id: z.string(), updated: z.boolean(), balances: balancesSchema.nullable() }),
    },
  },
  handle: async ({ deps, params, body }) => {
    const input = { accountId: params.account_id };
    const account = await readAccount(deps.pool, input);
    if (account === null) throw notFound('account');
    const findings = balanceFindings(body, account.currency, []);
    if (findings.length > 0) {
      const errors = findings.map(({ path, message }) => ({ pointer: `/${path.join('/')}`, message }));
      throw invalid({ status: 422, code: 'invalid_body', errors });
    }
    const updated = await storeBalances(deps.pool, { ...input, balances: balancesOf(body) });
    const after = (await readAccount(deps.pool, input)) ?? account;
    return {
      status: 200,
      body: { account_id: after.accountId, updated, balances: balancesJson(after) },
    };
  },
});
