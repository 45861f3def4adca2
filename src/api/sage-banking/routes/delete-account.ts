import { requestSageCancellation } from '../../../db/sage-banking/account-life.js';
import type { SageAccountRow } from '../../../db/sage-banking/accounts.js';
import { nothing } from '../../fields.js';
import { pollRow } from '../../poll-row.js';
import { notFound } from '../../problem.js';
import { sageAccountJson, sageAccountSchema } from '../account-json.js';
import { requireSageAccount, sageAccountParams } from '../account-params.js';
import { defineSageRoute, type SageDeps } from '../define-route.js';

/** The longest that a call waits for Sage to cancel the account. */
const cancelledWithinMs = 20_000;

/** Disconnects an account at Sage, for good. */
export const deleteSageAccount = defineSageRoute({
  method: 'delete',
  path: '/v1/sage/accounts/{sage_account_id}',
  roles: ['core', 'ops'],
  resource: 'account',
  summary: 'Disconnect an account, for good',
  description:
    'The remaining transactions are read from Sage first, then the account is cancelled there. Its transactions stay here. Connecting it again creates a new account, to which the rules of this one can be restored. Repeating the request has no further effect.',
  params: sageAccountParams,
  query: nothing,
  answers: {
    200: { description: 'Cancelled', schema: sageAccountSchema },
    202: { description: 'Requested; not done within 20 s', schema: sageAccountSchema },
  },
  handle: async ({ deps, params }) => {
    const account = await cancelAccount(deps, params.sage_account_id);
    return { status: account.status === 'cancelled' ? 200 : 202, body: sageAccountJson(deps, account) };
  },
});

/** Requests the cancellation and waits until the row shows it, or until the time is over. @throws {Problem} 404 */
async function cancelAccount(deps: SageDeps, sageAccountId: string): Promise<SageAccountRow> {
  const requested = await requestSageCancellation(deps.pool, { sageAccountId });
  if (requested === null) throw notFound('account');
  // A signal would start a workflow for an account that is already cancelled.
  if (requested.status === 'cancelled') return requested;
  await deps.sage.wakeAccount({ sageAccountId });
  return await pollRow({
    read: () => requireSageAccount(deps, { sageAccountId }),
    done: (account) => account.status === 'cancelled',
    timeoutMs: cancelledWithinMs,
  });
}
