import { transaction } from '../../../db/pool.js';
import type { SageAccountRow } from '../../../db/sage-banking/accounts.js';
import { insertSageLink } from '../../../db/sage-banking/bank-links.js';
import { commandIdOf } from '../../await-command.js';
import { awaitSageLink } from '../await-bank-link.js';
import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { Problem } from '../../problem.js';
import { requireSageAccount, sageAccountParams } from '../account-params.js';
import { sageLinkSchema } from '../bank-link-json.js';
import { sageLinkReplay } from '../bank-link-replay.js';

/** Starts a bank consent that renews the authorisation of an account. */
export const postSageReauth = defineSageRoute({
  method: 'post',
  path: '/v1/sage/accounts/{sage_account_id}/reauth',
  roles: ['core'],
  resource: 'account',
  summary: 'Have the customer authorise an account again',
  description:
    'Open `redirect` in a new window for the customer; the account becomes `active` once the bank has informed Sage. 409 unless its status is `authRequired`. Waits up to 20 s for Sage, then answers 202 with the link.',
  params: sageAccountParams,
  query: nothing,
  answers: {
    201: { description: 'The bank consent has started', schema: sageLinkSchema },
    202: { description: 'Sage has not answered yet: read the link at `Location`', schema: sageLinkSchema },
  },
  replay: sageLinkReplay,
  handle: async ({ deps, params, seed }) => {
    const account = await requireSageAccount(deps, { sageAccountId: params.sage_account_id });
    requireAuthRequired(account);
    const { sageAccountId, customerId, connectionId, bankId, bankName } = account;
    const { linkId } = await transaction(deps.pool, (db) =>
      insertSageLink(db, {
        linkId: commandIdOf(seed),
        customerId,
        connectionId,
        purpose: 'reauthorise',
        bankId,
        bankName,
        requestedStartDate: null,
        sageAccountId,
        accountSealed: null,
      }),
    );
    await deps.sage.startLink({ linkId });
    return await awaitSageLink(deps, { linkId, isDone: (link) => link.redirectSealed !== null });
  },
});

function requireAuthRequired(account: SageAccountRow): void {
  const { status, dataProvider } = account;
  if (status === 'authRequired' && dataProvider === 'indirect' && account.cancelRequestedAt === null) return;
  throw new Problem({
    status: 409,
    code: 'wrong_state',
    detail:
      dataProvider === 'direct'
        ? 'an account of a direct bank is authorised at the bank itself'
        : `an account in the status ${status} cannot be authorised again`,
    extra: { state: status },
  });
}
