import type { HandoffReason, HandoffState, PartialSharing } from '../../domain/rutter/handoff.js';
import { reasonOfExpiry, type HandoffFailureCause } from '../../domain/rutter/handoff-end.js';
import type { Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';
import { countHandoffEnds } from './handoff-counts.js';
import { lockHandoff } from './handoffs.js';

/** What only the handoff's workflow writes, through its activities. See `handoffs.ts` for the row. */

/** Ties the handoff to the connection it made. Call it in the transaction that inserts the connection. */
export async function setHandoffConnection(
  db: Queryable,
  input: { handoffId: string; connectionId: string },
): Promise<void> {
  await db.query(`UPDATE handoffs SET connection_id = $2, updated_at = now() WHERE handoff_id = $1`, [
    input.handoffId,
    input.connectionId,
  ]);
}

/** A worker is at it. Its other times stay: this is no step forward. */
export async function markHandoffWork(db: Queryable, input: { handoffId: string }): Promise<void> {
  await db.query(`UPDATE handoffs SET worked_at = clock_timestamp() WHERE handoff_id = $1`, [
    input.handoffId,
  ]);
}

/** A step succeeded, so nothing is failing now; or an attempt of it failed, with the cause. */
export async function recordHandoffAttempt(
  db: Queryable,
  input: { handoffId: string; failureCause: HandoffFailureCause | null },
): Promise<void> {
  await db.query(
    `UPDATE handoffs SET failure_cause = $2,
            progress_at = CASE WHEN $2::text IS NULL THEN clock_timestamp() ELSE progress_at END
      WHERE handoff_id = $1 AND state = 'sharing'`,
    [input.handoffId, input.failureCause],
  );
}

/**
 * Whether the handoff still shares accounts. It stays so until the transaction ends: whoever ends it meanwhile waits.
 * Lock its connection before, if at all.
 */
export async function holdSharing(db: Queryable, input: { handoffId: string }): Promise<boolean> {
  const { rows } = await db.query<{ state: HandoffState }>(
    `SELECT state FROM handoffs WHERE handoff_id = $1 FOR SHARE`,
    [input.handoffId],
  );
  return rows[0]?.state === 'sharing';
}

/** A new key in place of one whose final answer was a failure: under the old one Rutter would repeat that failure. */
export async function renewHandoffKey(
  db: Queryable,
  input: { handoffId: string; spentKey: string; which: 'connection_key' | 'otp_key' },
): Promise<void> {
  const column = input.which;
  await db.query(
    `UPDATE handoffs SET ${column} = gen_random_uuid(), updated_at = now() WHERE handoff_id = $1 AND ${column} = $2`,
    [input.handoffId, input.spentKey],
  );
}

/**
 * The handoff directly before the one-time password is requested, with its stored key.
 * `remainingMs` is what is left until the earlier of the deadline and `otpLatestMs` after the first arrival.
 */
export interface OtpTurn {
  readonly state: HandoffState;
  readonly remainingMs: number;
  readonly current: boolean;
  /** Its connection is to be unlinked, or is: a password would link nothing. */
  readonly isUnlinking: boolean;
  readonly otpKey: string;
  readonly redirectSealed: string;
  readonly accessTokenSealed: string;
  readonly connectionId: string;
}

/** Stores the key of the one-time password if there is none yet. Null when there is no such handoff or connection. */
export async function readOtpTurn(
  db: Queryable,
  input: { handoffId: string; otpLatestMs: number },
): Promise<OtpTurn | null> {
  const { rows } = await db.query<{
    state: HandoffState;
    remaining_ms: number;
    current: boolean;
    is_unlinking: boolean;
    otp_key: string;
    redirect_sealed: string;
    access_token_sealed: string;
    connection_id: string;
  }>(
    `UPDATE handoffs h SET otp_key = coalesce(h.otp_key, gen_random_uuid()), updated_at = now()
       FROM connections c WHERE h.handoff_id = $1 AND c.connection_id = h.connection_id
     RETURNING h.state, h.otp_key, h.redirect_sealed, c.access_token_sealed, c.connection_id,
       c.current_handoff_id IS NOT DISTINCT FROM h.handoff_id AS current,
       c.unlink_requested_at IS NOT NULL AS is_unlinking,
       (extract(epoch FROM least(h.deadline_at, h.first_seen_at + $2::float8 * interval '1 millisecond')
         - clock_timestamp()) * 1000)::float8 AS remaining_ms`,
    [input.handoffId, input.otpLatestMs],
  );
  const raw = rows[0];
  if (raw === undefined) return null;
  return {
    state: raw.state,
    remainingMs: Math.floor(raw.remaining_ms),
    current: raw.current,
    isUnlinking: raw.is_unlinking,
    otpKey: raw.otp_key,
    redirectSealed: raw.redirect_sealed,
    accessTokenSealed: raw.access_token_sealed,
    connectionId: raw.connection_id,
  };
}

/**
 * Stores the sealed answer and makes the handoff ready, if it still is the one that shares and its deadline has not
 * passed. Accounts of it that are neither published nor refused are marked, in the same statement, to be published
 * later: wake the connection when there are some. Null: it is too late and the answer is discarded.
 */
export async function storeHandoffAnswer(
  db: Queryable,
  input: { handoffId: string; answerSealed: string },
): Promise<{ later: number } | null> {
  const { rows } = await db.query<{ later: number }>(
    `WITH ready AS (
       UPDATE handoffs h SET state = 'ready', answer_sealed = $2, updated_at = now()
         FROM connections c
        WHERE h.handoff_id = $1 AND h.state = 'sharing' AND h.deadline_at > clock_timestamp()
          AND c.connection_id = h.connection_id AND c.current_handoff_id = h.handoff_id
       RETURNING h.handoff_id, h.connection_id, h.customer_id
     ), later AS (
       UPDATE publications p SET later_since = coalesce(p.later_since, now())
         FROM ready
        WHERE p.connection_id = ready.connection_id AND p.handoff_id = ready.handoff_id AND p.refused_reason IS NULL
          AND NOT EXISTS (SELECT 1 FROM feeds f WHERE f.connection_id = p.connection_id
                             AND f.account_id = p.account_id AND f.operator <> 'closed')
       RETURNING p.account_id
     ), noted AS (
       INSERT INTO timeline (customer_id, connection_id, kind, detail)
       SELECT customer_id, connection_id, 'accounts_published_later',
              jsonb_build_object('accounts', (SELECT count(*) FROM later))
         FROM ready WHERE EXISTS (SELECT 1 FROM later)
     )
     SELECT (SELECT count(*)::int FROM later) AS later FROM ready`,
    [input.handoffId, input.answerSealed],
  );
  return rows[0] ?? null;
}

/**
 * Asks the customer whether to go on without the accounts that could not be published; an answer that was given before
 * stays. Null: the handoff does not share any more.
 */
export async function askPartialSharing(
  db: Queryable,
  input: { handoffId: string },
): Promise<PartialSharing | null> {
  const { rows } = await db.query<{ partial_sharing: PartialSharing }>(
    `UPDATE handoffs SET partial_sharing = coalesce(partial_sharing, 'asked'), updated_at = now()
      WHERE handoff_id = $1 AND state = 'sharing' RETURNING partial_sharing`,
    [input.handoffId],
  );
  return rows[0]?.partial_sharing ?? null;
}

/** A repeat has published what was missing: nobody needs to be asked any more. */
export async function withdrawPartialQuestion(db: Queryable, input: { handoffId: string }): Promise<void> {
  await db.query(
    `UPDATE handoffs SET partial_sharing = NULL, updated_at = now()
      WHERE handoff_id = $1 AND partial_sharing = 'asked'`,
    [input.handoffId],
  );
}

/**
 * Ends a handoff that has not ended yet: `refused` with a reason, or `expired`, whose reason follows from the row where
 * none is given; an answer that was not taken is cleared. Returns the state of the row afterwards, null when there is no
 * row. Call it in a transaction.
 */
export async function endHandoff(
  db: Queryable,
  input: {
    handoffId: string;
    state: 'refused' | 'expired';
    reason: HandoffReason | null;
    errorCode?: string;
  },
): Promise<HandoffState | null> {
  const { handoffId, state, errorCode = null } = input;
  const handoff = await lockHandoff(db, input);
  if (handoff === null) return null;
  if (!['opened', 'logged_in', 'sharing', 'ready'].includes(handoff.state)) return handoff.state;
  const isWorkedOn = handoff.workedAgoMs !== null;
  const reason = input.reason ?? reasonOfExpiry({ ...handoff, isWorkedOn });
  await db.query(
    `UPDATE handoffs SET state = $2, reason = $3, error_code = $4, answer_sealed = NULL, ended_at = now(), updated_at = now()
      WHERE handoff_id = $1`,
    [handoffId, state, reason, errorCode],
  );
  await writeTimeline(db, {
    kind: state === 'refused' ? 'handoff_refused' : 'handoff_expired',
    customerId: handoff.customerId,
    connectionId: handoff.connectionId,
    detail: { reason, ...(errorCode === null ? {} : { error_code: errorCode }) },
  });
  await countHandoffEnds(db, { reason });
  return state;
}
