import { failSageReprocess } from '../../../db/sage-banking/reprocess-progress.js';
import type { SageReprocessReason } from '../../../domain/sage-banking/reprocess.js';
import type { SageBankingDeps } from '../deps.js';

/* Ends a reprocess run whose workflow gave up. A run that has ended stays unchanged, so a repeat is safe. */

export interface FailReprocessInput {
  readonly reprocessId: string;
  readonly reason: SageReprocessReason;
}

export function dbFailReprocess(deps: SageBankingDeps) {
  return async (input: FailReprocessInput): Promise<void> => {
    await failSageReprocess(deps.pool, { ...input, message: null });
  };
}
