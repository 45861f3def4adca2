import { cancellationSignal } from '@temporalio/activity';
import { isSageError, isUnknownToSage } from '../../../clients/sage-banking/errors.js';
import {
  recordNextCheck,
  recordSageCancelled,
  recordSageReason,
} from '../../../db/sage-banking/account-life.js';
import {
  sageCompanyRefusedReason,
  sageCheckMaxMs,
  sageReadRefusedReason,
} from '../../../domain/sage-banking/account-limits.js';
import type { SageBankingDeps } from '../deps.js';
import { accountAccess } from '../access.js';
import { whileHeartbeating } from '../../while-heartbeating.js';

/*
 * Cancels an account at Sage, for good (contract 6.5), once all its transactions were read or cannot be read.
 * A repeat is safe: Sage accepts a second DELETE, and an account that Sage does not know counts as cancelled. A refusal is
 * stored in the row and is a result. Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried); Obsolete.
 */

export interface CancelSageAccountInput {
  readonly sageAccountId: string;
}

export interface CancelSageAccountResult {
  readonly cancelled: boolean;
  /** If it is not cancelled: when to retry. */
  readonly nextCheckMs: number;
}

export function sageCancelAccount(deps: SageBankingDeps) {
  return async (input: CancelSageAccountInput): Promise<CancelSageAccountResult> =>
    await whileHeartbeating(() => cancel(deps, input));
}

async function cancel(
  deps: SageBankingDeps,
  { sageAccountId }: CancelSageAccountInput,
): Promise<CancelSageAccountResult> {
  const { sage, account, access } = await accountAccess(deps, { sageAccountId });
  const nextCheckMs = sageCheckMaxMs({ sageAccountId, maxMs: sage.settings.statusPollMaxMs });
  if (account.status === 'cancelled') return { cancelled: true, nextCheckMs };
  try {
    const { bankAccountId } = account;
    await sage.client.deleteBankAccount({ access, bankAccountId, signal: cancellationSignal() });
  } catch (error) {
    // Cancelled is final: of the errors only Sage's answer that the account does not exist counts as a success.
    if (!isUnknownToSage(error)) {
      if (!isSageError(error) || (error.kind !== 'refused' && error.kind !== 'unauthorized')) throw error;
      const reason = error.kind === 'refused' ? sageReadRefusedReason : sageCompanyRefusedReason;
      await recordSageReason(deps.pool, { sageAccountId, reason, detail: error.errorMessage });
      await recordNextCheck(deps.pool, { sageAccountId, nextCheckMs });
      return { cancelled: false, nextCheckMs };
    }
  }
  await recordSageCancelled(deps.pool, { sageAccountId });
  return { cancelled: true, nextCheckMs };
}
