import { failSageReprocess } from '../../../db/sage-banking/reprocess-progress.js';
import type { SageReprocessReason } from '../../../domain/sage-banking/reprocess.js';
import type { ActivityDeps } from '../../deps.js';

/* Ends a reprocess run whose workflow gave up. A run that has ended stays as it is, so a repeat changes nothing. */

export interface FailSageReprocessInput {
  readonly reprocessId: string;
  readonly reason: SageReprocessReason;
}

export function dbFailSageReprocess(deps: ActivityDeps) {
  return async (input: FailSageReprocessInput): Promise<void> => {
    await failSageReprocess(deps.pool, { ...input, message: null });
  };
}
