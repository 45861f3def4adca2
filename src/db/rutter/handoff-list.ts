import type { HandoffReason, HandoffState, PartialSharing } from '../../domain/rutter/handoff.js';
import {
  reasonOfExpiry,
  type HandoffFailureCause,
  type HandoffStanding,
} from '../../domain/rutter/handoff-end.js';
import type { Queryable } from '../pool.js';

/** A handoff as operators see it: ids, codes and times, no secret. */
export interface ListedHandoff {
  readonly handoffId: string;
  readonly standing: HandoffStanding;
  readonly state: HandoffState;
  /** With `failed` only. */
  readonly reason: HandoffReason | null;
  readonly errorCode: string | null;
  readonly customerId: string | null;
  readonly connectionId: string | null;
  /** Accounts that the customer chose. */
  readonly accounts: number;
  readonly arrivedAt: string;
  readonly deadlineAt: string;
  readonly endedAt: string | null;
  /** For a cursor: microseconds of the arrival, a blank, and the id. */
  readonly key: string;
}

interface RawHandoff extends Omit<ListedHandoff, 'reason'> {
  readonly reason: HandoffReason | null;
  readonly partialSharing: PartialSharing | null;
  readonly signInFailures: number;
  readonly failureCause: HandoffFailureCause | null;
  readonly isWorkedOn: boolean;
}

/** A handoff past its deadline has failed, although its end may be recorded a little later. */
const standing = `CASE WHEN state = 'taken' THEN 'completed' WHEN state = 'superseded' THEN 'superseded'
  WHEN state IN ('refused', 'expired') OR deadline_at <= now() THEN 'failed' ELSE 'open' END`;

/** Forms of {@link ListedHandoff.key}. */
export const handoffKeyForm = /^\d{1,17} [0-9a-z-]{1,80}$/;

/** Up to `limit` handoffs that arrived before `afterKey`, newest first. */
export async function listHandoffs(
  db: Queryable,
  input: {
    standing?: HandoffStanding | undefined;
    reason?: HandoffReason | undefined;
    customerId?: string | undefined;
    afterKey?: string | undefined;
    limit: number;
  },
): Promise<ListedHandoff[]> {
  const [arrival, id] = input.afterKey?.split(' ') ?? [null, null];
  const { rows } = await db.query<RawHandoff>(
    `SELECT handoff_id AS "handoffId", ${standing} AS standing, state, reason, error_code AS "errorCode",
            customer_id AS "customerId", connection_id AS "connectionId", coalesce(cardinality(account_ids), 0) AS accounts,
            first_seen_at AS "arrivedAt", deadline_at AS "deadlineAt", partial_sharing AS "partialSharing",
            sign_in_failures AS "signInFailures", failure_cause AS "failureCause", worked_at IS NOT NULL AS "isWorkedOn",
            coalesce(ended_at, taken_at, CASE WHEN state IN ('superseded', 'refused', 'expired') THEN updated_at
                                              WHEN deadline_at <= now() THEN deadline_at END) AS "endedAt",
            (extract(epoch FROM first_seen_at) * 1000000)::bigint || ' ' || handoff_id AS key
       FROM handoffs
      WHERE ($1::text IS NULL OR ${standing} = $1) AND ($2::text IS NULL OR reason = $2)
        AND ($3::text IS NULL OR customer_id = $3)
        AND ($4::bigint IS NULL
             OR (first_seen_at, handoff_id) < (timestamptz 'epoch' + $4 * interval '1 microsecond', $5))
      ORDER BY first_seen_at DESC, handoff_id DESC LIMIT $6`,
    [input.standing ?? null, input.reason ?? null, input.customerId ?? null, arrival, id, input.limit],
  );
  return rows.map((row) => ({ ...row, reason: reasonOf(row) }));
}

function reasonOf(row: RawHandoff): HandoffReason | null {
  return row.standing === 'failed' ? (row.reason ?? reasonOfExpiry(row)) : null;
}
