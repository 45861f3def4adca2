import { transaction } from '../../../db/pool.js';
import { endSageLink } from '../../../db/sage-banking/bank-links.js';
import type { SageLinkReason } from '../../../domain/sage-banking/bank-link.js';
import type { SageBankingDeps } from '../deps.js';

/*
 * Ends a link whose steps ran out of time. A repeat is safe: a link that has ended stays unchanged. Failures:
 * DatabaseUnavailable (retried).
 */

export interface EndBankLinkInput {
  readonly linkId: string;
  readonly reason: SageLinkReason;
}

export function dbEndBankLink(deps: SageBankingDeps) {
  return async ({ linkId, reason }: EndBankLinkInput): Promise<void> => {
    await transaction(deps.pool, (db) =>
      endSageLink(db, { linkId, ending: { state: 'expired', reason, message: null } }),
    );
  };
}
