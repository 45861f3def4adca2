import { requestSageCancellation } from '../../db/sage-banking/account-life.js';
import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import type { SageFacade } from '../../temporal/sage-banking/facade.js';
import type { ApiDeps } from '../deps.js';
import { pollRow } from '../poll-row.js';
import { notFound } from '../problem.js';
import { requireSageAccount } from './account-params.js';

/** So long a call waits for Sage. */
const shownWithinMs = 20_000;

/** Asks for an account's end and waits until its row shows it, or for as long as a call waits. @throws {Problem} 404 */
export async function cancelSageAccount(input: {
  deps: ApiDeps;
  sage: SageFacade;
  sageAccountId: string;
  timeoutMs?: number;
}): Promise<SageAccountRow> {
  const { deps, sage, sageAccountId } = input;
  const asked = await requestSageCancellation(deps.pool, { sageAccountId });
  if (asked === null) throw notFound('account');
  // A signal would start a workflow for an account whose life is over.
  if (asked.status === 'cancelled') return asked;
  await sage.wakeAccount({ sageAccountId });
  return await pollRow({
    read: () => requireSageAccount(deps, { sageAccountId }),
    done: (account) => account.status === 'cancelled',
    timeoutMs: input.timeoutMs ?? shownWithinMs,
  });
}
