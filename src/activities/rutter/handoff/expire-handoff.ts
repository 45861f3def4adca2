import { endHandoff } from '../../../db/rutter/handoff-progress.js';
import { transaction } from '../../../db/pool.js';
import type { HandoffReason, HandoffState } from '../../../domain/rutter/handoff.js';
import type { RutterDeps } from '../deps.js';

/*
 * At the deadline: an answer that no browser took is cleared and the handoff ends; one that ended before is left
 * unchanged. A repeat changes nothing. Failures: DatabaseUnavailable (retried).
 */

export interface ExpireHandoffInput {
  readonly handoffId: string;
  /** What the handoff was waiting for when time ran out; null when it was the customer. */
  readonly reason: HandoffReason | null;
}

export interface ExpireHandoffResult {
  /** The state in the row; null when there is no row. */
  readonly state: HandoffState | null;
}

export function dbExpireHandoff(deps: RutterDeps) {
  return async (input: ExpireHandoffInput): Promise<ExpireHandoffResult> => {
    const state = await transaction(deps.pool, (db) => endHandoff(db, { ...input, state: 'expired' }));
    return { state };
  };
}
