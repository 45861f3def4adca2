import { cancellationSignal } from '@temporalio/activity';
import { isSageError, isSageNotFound } from '../../clients/sage-banking/errors.js';
import { recordSageCancelled, recordSageReason } from '../../db/sage-account-life.js';
import { sageCompanyRefusedReason, sageReadRefusedReason } from '../../domain/sage-account.js';
import type { ActivityDeps } from '../deps.js';
import { accountAccess } from '../sage-access.js';

/*
 * Cancels an account at Sage, for good (contract 6.5), once everything that it had was read. A repeat is safe: Sage
 * takes a second DELETE, and an account that it does not know is as cancelled as any. A refusal stands in the row and is
 * a result. Failures: PeerUnavailable, RateLimited, DatabaseUnavailable (retried); Obsolete.
 */

export interface CancelSageAccountInput {
  readonly sageAccountId: string;
}

export interface CancelSageAccountResult {
  readonly cancelled: boolean;
  /** When it is not: try again then. */
  readonly nextLookMs: number;
}

export function sageCancelAccount(deps: ActivityDeps) {
  return async ({ sageAccountId }: CancelSageAccountInput): Promise<CancelSageAccountResult> => {
    const { road, account, access } = await accountAccess(deps, { sageAccountId });
    const nextLookMs = road.settings.statusPollMaxMs;
    if (account.status === 'cancelled') return { cancelled: true, nextLookMs };
    try {
      const { bankAccountId } = account;
      await road.client.deleteBankAccount({ access, bankAccountId, signal: cancellationSignal() });
    } catch (error) {
      if (!isSageNotFound(error)) {
        if (!isSageError(error) || (error.kind !== 'refused' && error.kind !== 'unauthorized')) throw error;
        const reason = error.kind === 'refused' ? sageReadRefusedReason : sageCompanyRefusedReason;
        await recordSageReason(deps.pool, { sageAccountId, reason, detail: error.errorMessage });
        return { cancelled: false, nextLookMs };
      }
    }
    await recordSageCancelled(deps.pool, { sageAccountId });
    return { cancelled: true, nextLookMs };
  };
}
