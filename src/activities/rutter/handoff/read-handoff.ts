import { readHandoff } from '../../../db/rutter/handoffs.js';
import type { HandoffState, PartialSharing } from '../../../domain/rutter/handoff.js';
import type { RutterDeps } from '../deps.js';
import { Obsolete } from '../../failures.js';

/*
 * Reads the state of a handoff. Safe to repeat. Failures: DatabaseUnavailable (retried); Obsolete when there is
 * no such handoff.
 */

export interface ReadHandoffInput {
  readonly handoffId: string;
}

export interface ReadHandoffResult {
  readonly state: HandoffState;
  /** Until the deadline, by the database's clock: workflow and database need not agree on the time. */
  readonly remainingMs: number;
  /** Whether to go on without some accounts: asked, and the answer. Absent from histories before version 0.3.0. */
  readonly partialSharing?: PartialSharing | null;
}

export function dbReadHandoff(deps: RutterDeps) {
  return async (input: ReadHandoffInput): Promise<ReadHandoffResult> => {
    const handoff = await readHandoff(deps.pool, input);
    if (handoff === null) throw new Obsolete('the handoff does not exist');
    const { state, remainingMs, partialSharing } = handoff;
    return { state, remainingMs, partialSharing };
  };
}
