import { endHandoff } from '../../../db/rutter/handoff-progress.js';
import { transaction } from '../../../db/pool.js';
import type { HandoffReason, HandoffState } from '../../../domain/rutter/handoff.js';
import type { RutterDeps } from '../deps.js';

/*
 * At the deadline: an answer that nobody took is cleared and the handoff is over; one that ended before stays as it
 * is. A repeat changes nothing. Failures: DatabaseUnavailable (retried).
 */

export interface ExpireHandoffInput {
  readonly handoffId: string;
  /** What the handoff was waiting for when time ran out; null when it was the customer. */
  readonly reason: HandoffReason | null;
}

export interface ExpireHandoffResult {
  /** The state in which the row stands; null when there is no row. */
  readonly state: HandoffState | null;
}

export function dbExpireHandoff(deps: RutterDeps) {
  return async (input: ExpireHandoffInput): Promise<ExpireHandoffResult> => {
    const state = await transaction(deps.pool, (db) => endHandoff(db, { ...input, state: 'expired' }));
    return { state };
  };
}
