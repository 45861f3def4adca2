import { readHandoff, recordHandoffLogin } from '../../../db/rutter/handoffs.js';
import type { HandoffState } from '../../../domain/rutter/handoff.js';
import type { RutterDeps } from '../deps.js';

/*
 * Ties the handoff to the customer who logged in first. A repeat finds the customer there and changes nothing; another
 * customer is refused by the statement itself. Failures: DatabaseUnavailable (retried).
 */

export interface RecordHandoffLoginInput {
  readonly handoffId: string;
  readonly customerId: string;
}

export interface RecordHandoffLoginResult {
  /** `other_customer`: the row has another customer, for whom the handoff goes on. `over`: ended or too late. */
  readonly outcome: 'recorded' | 'other_customer' | 'over';
  /** `sharing`: the choice is stored in the row already, its signal need not be waited for. */
  readonly state: HandoffState;
  /** For whom the handoff goes on. */
  readonly customerId: string;
}

export function dbRecordHandoffLogin(deps: RutterDeps) {
  return async (input: RecordHandoffLoginInput): Promise<RecordHandoffLoginResult> => {
    const outcome = await recordHandoffLogin(deps.pool, input);
    const handoff = await readHandoff(deps.pool, input);
    const customerId = handoff?.customerId ?? input.customerId;
    return { outcome, state: handoff?.state ?? 'expired', customerId };
  };
}
