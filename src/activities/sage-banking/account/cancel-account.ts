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
 * Cancels an account at Sage, for good (contract 6.5), once everything that it had was read, or cannot be. A repeat is
 * safe: Sage takes a second DELETE, and an account that it says it does not know is as cancelled as any. A refusal
 * stands in the row and is a result. Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried); Obsolete.
 */

export interface CancelSageAccountInput {
  readonly sageAccountId: string;
}

export interface CancelSageAccountResult {
  readonly cancelled: boolean;
  /** When it is not: try again then. */
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
  const { channel, account, access } = await accountAccess(deps, { sageAccountId });
  const nextCheckMs = sageCheckMaxMs({ sageAccountId, maxMs: channel.settings.statusPollMaxMs });
  if (account.status === 'cancelled') return { cancelled: true, nextCheckMs };
  try {
    const { bankAccountId } = account;
    await channel.client.deleteBankAccount({ access, bankAccountId, signal: cancellationSignal() });
  } catch (error) {
    // Cancelled is final: no less than Sage's own word that there is no such account stands for it.
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
