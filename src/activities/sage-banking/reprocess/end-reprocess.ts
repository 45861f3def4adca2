import { isSageConflict, isSageError } from '../../../clients/sage-banking/errors.js';
import { failSageReprocess } from '../../../db/sage-banking/reprocess-progress.js';
import type { SageReprocessReason } from '../../../domain/sage-banking/reprocess.js';
import type { SageBankingDeps } from '../deps.js';
import { Obsolete } from '../../failures.js';

export interface ReprocessOver {
  readonly outcome: 'over';
  readonly state: 'done' | 'failed';
}

/** Ends a run with a reason; a run that has already ended stays unchanged. */
export async function endReprocess(
  deps: SageBankingDeps,
  input: { reprocessId: string; reason: SageReprocessReason; message: string | null },
): Promise<ReprocessOver> {
  const reprocess = await failSageReprocess(deps.pool, input);
  if (reprocess === null || reprocess.state === 'running') throw new Obsolete('the reprocess run is gone');
  return { outcome: 'over', state: reprocess.state };
}

/** Ends a run after a final refusal. @throws the error itself when it is transient, or not Sage's */
export async function endRefusedReprocess(
  deps: SageBankingDeps,
  input: { reprocessId: string; error: unknown },
): Promise<ReprocessOver> {
  const { reprocessId, error } = input;
  const reason = reasonOf(error);
  if (reason === null) throw error;
  const message = isSageError(error) && 'errorMessage' in error ? error.errorMessage : null;
  return await endReprocess(deps, { reprocessId, reason, message });
}

function reasonOf(error: unknown): SageReprocessReason | null {
  if (!isSageError(error)) return null;
  switch (error.kind) {
    case 'unauthorized':
      return 'reprocess_not_authorised';
    case 'foreign_address':
      return 'reprocess_foreign_address';
    case 'refused':
      // A write on a cancelled account is refused with this (assumed, contract 6.5); reading its run is not a write.
      return isSageConflict(error) ? 'reprocess_account_cancelled' : 'reprocess_refused';
    case 'gone':
      return 'reprocess_refused';
    case 'rate_limited':
    case 'unreachable':
    case 'outcome_unknown':
    // No call of a run needs the optional configuration.
    case 'not_configured':
      return null;
  }
}
