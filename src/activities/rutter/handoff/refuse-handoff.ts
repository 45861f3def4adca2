import { endHandoff } from '../../../db/rutter/handoff-progress.js';
import { transaction } from '../../../db/pool.js';
import type { HandoffReason, HandoffState } from '../../../domain/rutter/handoff.js';
import type { RutterDeps } from '../deps.js';

/*
 * Ends a handoff that cannot go on, with a reason for the page and Rutter's code for the timeline. A repeat changes
 * nothing, and neither does it touch one that has ended. Failures: DatabaseUnavailable (retried).
 */

export interface RefuseHandoffInput {
  readonly handoffId: string;
  readonly reason: HandoffReason;
  /** Rutter's, when it was Rutter that refused. */
  readonly errorCode?: string;
}

export interface RefuseHandoffResult {
  readonly state: HandoffState | null;
}

export function dbRefuseHandoff(deps: RutterDeps) {
  return async (input: RefuseHandoffInput): Promise<RefuseHandoffResult> => {
    const state = await transaction(deps.pool, (db) => endHandoff(db, { ...input, state: 'refused' }));
    return { state };
  };
}
