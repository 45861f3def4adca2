import type { HandoffReason, HandoffState, PartialSharing } from '../../domain/rutter/handoff.js';
import type { HandoffFailureCause } from '../../domain/rutter/handoff-end.js';
import type { Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';
import { countHandoffEnds } from './handoff-counts.js';

/**
 * Handoffs: one browser login that ties a Sage company to a connection. All times are the database's, so a deadline
 * is the same instant for every process. `redirect_sealed` holds the address of `printRedirectTarget` without and
 * `answer_sealed` the one with the one-time password, both sealed for `{table: 'handoffs', row: handoffId}`.
 */

export type { HandoffReason, HandoffState } from '../../domain/rutter/handoff.js';

export interface HandoffRow {
  readonly handoffId: string;
  readonly state: HandoffState;
  readonly firstSeenAt: string;
  readonly deadlineAt: string;
  /** Until the deadline, by the database's clock; negative after it. */
  readonly remainingMs: number;
  readonly redirectSealed: string;
  /** From which site the browser came, as far as it says. */
  readonly refererOrigin: string | null;
  readonly customerId: string | null;
  readonly connectionId: string | null;
  readonly connectionKey: string | null;
  readonly accountIds: readonly string[];
  readonly otpKey: string | null;
  readonly reason: HandoffReason | null;
  /** Null when every account was published, or it is not known yet. */
  readonly partialSharing: PartialSharing | null;
  readonly signInFailures: number;
  /** Since the last step that succeeded, the customer's choice included; null before the choice. */
  readonly quietMs: number | null;
  /** Since a worker was at it; null when none was. */
  readonly workedAgoMs: number | null;
  /** Why the last attempt of a step failed; null since one has succeeded. */
  readonly failureCause: HandoffFailureCause | null;
}

const ageMs = (column: string) =>
  `CASE WHEN ${column} IS NOT NULL
        THEN greatest(0, floor(extract(epoch FROM clock_timestamp() - ${column}) * 1000))::float8 END`;

// clock_timestamp(), not now(): a transaction that waited for a lock must see what time it is after the wait.
const columns = `
  handoff_id AS "handoffId", state, first_seen_at AS "firstSeenAt", deadline_at AS "deadlineAt",
  redirect_sealed AS "redirectSealed", customer_id AS "customerId", connection_id AS "connectionId",
  connection_key AS "connectionKey", coalesce(account_ids, '{}') AS "accountIds", otp_key AS "otpKey", reason,
  partial_sharing AS "partialSharing", referer_origin AS "refererOrigin", sign_in_failures AS "signInFailures",
  failure_cause AS "failureCause", ${ageMs('worked_at')} AS "workedAgoMs",
  ${ageMs('greatest(progress_at, shared_at)')} AS "quietMs",
  floor(extract(epoch FROM deadline_at - clock_timestamp()) * 1000)::float8 AS "remainingMs"`;

/**
 * Writes the row of a challenge at its first arrival; a later arrival of the same challenge finds that row and changes
 * nothing. Answers the row and whether it is new.
 */
export async function openHandoff(
  db: Queryable,
  input: {
    handoffId: string;
    lifetimeMs: number;
    redirectSealed: string;
    fetchSite: string | null;
    refererOrigin: string | null;
  },
): Promise<{ handoff: HandoffRow; created: boolean }> {
  const inserted = await db.query<HandoffRow>(
    `INSERT INTO handoffs (handoff_id, deadline_at, redirect_sealed, fetch_site, referer_origin)
     VALUES ($1, now() + $2::float8 * interval '1 millisecond', $3, $4, $5)
     ON CONFLICT (handoff_id) DO NOTHING RETURNING ${columns}`,
    [input.handoffId, input.lifetimeMs, input.redirectSealed, input.fetchSite, input.refererOrigin],
  );
  if (inserted.rows[0] !== undefined) return { handoff: inserted.rows[0], created: true };
  const found = await readHandoff(db, input);
  if (found === null) throw new Error('a handoff vanished while it was opened');
  return { handoff: found, created: false };
}

/** The handoff, or null when there is none. */
export async function readHandoff(db: Queryable, input: { handoffId: string }): Promise<HandoffRow | null> {
  const { rows } = await db.query<HandoffRow>(`SELECT ${columns} FROM handoffs WHERE handoff_id = $1`, [
    input.handoffId,
  ]);
  return rows[0] ?? null;
}

/** The handoff, locked until the transaction ends. Lock its connection first: no two lockers can deadlock then. */
export async function lockHandoff(db: Queryable, input: { handoffId: string }): Promise<HandoffRow | null> {
  const { rows } = await db.query<HandoffRow>(
    `SELECT ${columns} FROM handoffs WHERE handoff_id = $1 FOR UPDATE`,
    [input.handoffId],
  );
  return rows[0] ?? null;
}

/**
 * Ties the handoff to the customer who logged in. The first customer wins; the same one again changes nothing.
 * `over`: the deadline has passed or the handoff has ended.
 */
export async function recordHandoffLogin(
  db: Queryable,
  input: { handoffId: string; customerId: string },
): Promise<'recorded' | 'other_customer' | 'over'> {
  const { rowCount } = await db.query(
    `UPDATE handoffs SET customer_id = $2, updated_at = now(),
            state = CASE WHEN state = 'opened' THEN 'logged_in' ELSE state END
      WHERE handoff_id = $1 AND (customer_id IS NULL OR customer_id = $2)
        AND state IN ('opened', 'logged_in', 'sharing', 'ready') AND deadline_at > clock_timestamp()`,
    [input.handoffId, input.customerId],
  );
  if (rowCount === 1) return 'recorded';
  const handoff = await readHandoff(db, input);
  const taken = handoff?.customerId != null && handoff.customerId !== input.customerId;
  return taken ? 'other_customer' : 'over';
}

/** A sign-in to the handoff was refused. */
export async function recordSignInFailure(db: Queryable, input: { handoffId: string }): Promise<void> {
  await db.query(
    `UPDATE handoffs SET sign_in_failures = sign_in_failures + 1, updated_at = now()
      WHERE handoff_id = $1 AND state = 'opened'`,
    [input.handoffId],
  );
}

/**
 * Stores what the customer chose to share, once: an existing connection, or null for a new one under a fresh key.
 * `already_shared`: an earlier choice is stored (a double click, a second tab). Signal `accountsShared` in both cases.
 * `over`: not this customer's, not logged in, ended, or past the deadline.
 */
export async function recordHandoffChoice(
  db: Queryable,
  input: {
    handoffId: string;
    customerId: string;
    connectionId: string | null;
    accountIds: readonly string[];
  },
): Promise<'recorded' | 'already_shared' | 'over'> {
  const { rowCount } = await db.query(
    `UPDATE handoffs SET state = 'sharing', connection_id = $3, account_ids = $4, updated_at = now(),
            shared_at = clock_timestamp(), progress_at = clock_timestamp(),
            connection_key = CASE WHEN $3::uuid IS NULL THEN gen_random_uuid() END
      WHERE handoff_id = $1 AND customer_id = $2 AND state = 'logged_in' AND deadline_at > clock_timestamp()`,
    [input.handoffId, input.customerId, input.connectionId, input.accountIds],
  );
  if (rowCount === 1) return 'recorded';
  const handoff = await readHandoff(db, input);
  const shared =
    handoff?.customerId === input.customerId &&
    (handoff.state === 'sharing' || handoff.state === 'ready' || handoff.state === 'taken');
  return shared ? 'already_shared' : 'over';
}

/**
 * Stores whether the customer goes on without the accounts that could not be published. Signal `accountsShared`
 * afterwards. False: the question was not asked, or is answered already, or the handoff is over.
 */
export async function recordPartialDecision(
  db: Queryable,
  input: { handoffId: string; customerId: string; decision: 'accepted' | 'declined' },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE handoffs SET partial_sharing = $3, progress_at = clock_timestamp(), updated_at = now()
      WHERE handoff_id = $1 AND customer_id = $2 AND state = 'sharing' AND partial_sharing = 'asked'
        AND deadline_at > clock_timestamp()`,
    [input.handoffId, input.customerId, input.decision],
  );
  return rowCount === 1;
}

/**
 * Takes the sealed answer, once: from then on it is gone from the row. Null when there is none to take (not ready,
 * taken before, superseded, or past the deadline); `readHandoff` shows which. Call it in a transaction: the timeline
 * row that reports the link to the customer is written with it.
 */
export async function takeHandoffAnswer(
  db: Queryable,
  input: { handoffId: string; customerId: string },
): Promise<{ answerSealed: string } | null> {
  const { rows } = await db.query<{ answer_sealed: string; connection_id: string }>(
    `WITH before AS (SELECT handoff_id, answer_sealed, connection_id FROM handoffs
                      WHERE handoff_id = $1 AND customer_id = $2 AND state = 'ready'
                        AND deadline_at > clock_timestamp() FOR UPDATE)
     UPDATE handoffs h SET state = 'taken', taken_at = now(), answer_sealed = NULL, ended_at = now(), updated_at = now()
       FROM before WHERE h.handoff_id = before.handoff_id
     RETURNING before.answer_sealed, before.connection_id`,
    [input.handoffId, input.customerId],
  );
  const taken = rows[0];
  if (taken === undefined) return null;
  await writeTimeline(db, {
    kind: 'handoff_completed',
    customerId: input.customerId,
    connectionId: taken.connection_id,
  });
  await countHandoffEnds(db, { outcome: 'completed' });
  return { answerSealed: taken.answer_sealed };
}

export interface HandoffToCheck {
  readonly handoffId: string;
  readonly customerId: string;
  /** Its deadline has passed. */
  readonly isOver: boolean;
}

/**
 * Handoffs of customers that have not ended and must have a workflow: unchanged for a moment, or past their deadline for
 * long enough that the workflow has recorded the end. By id; the page after `afterId`.
 */
export async function listHandoffsToCheck(
  db: Queryable,
  input: { unchangedForMs: number; endsWithinMs: number; afterId: string | null; limit: number },
): Promise<HandoffToCheck[]> {
  const { rows } = await db.query<HandoffToCheck>(
    `SELECT handoff_id AS "handoffId", customer_id AS "customerId", deadline_at <= now() AS "isOver" FROM handoffs
      WHERE state IN ('logged_in', 'sharing', 'ready') AND customer_id IS NOT NULL
        AND updated_at < now() - $1::float8 * interval '1 millisecond'
        AND (deadline_at > now() OR deadline_at < now() - $2::float8 * interval '1 millisecond')
        AND ($3::text IS NULL OR handoff_id > $3 COLLATE "C")
      ORDER BY handoff_id COLLATE "C" LIMIT $4`,
    [input.unchangedForMs, input.endsWithinMs, input.afterId, input.limit],
  );
  return rows;
}

/** Links that were opened and never used are kept a day past their deadline, handoffs of customers thirty. */
const openedKeptDays = 1;
const keptDays = 30;
const deletedAtOnceMax = 1_000;

/** Deletes handoffs long past their deadline, some at a time. Answers how many. */
export async function deleteOldHandoffs(db: Queryable): Promise<number> {
  const { rowCount } = await db.query(
    `DELETE FROM handoffs WHERE handoff_id IN (
       SELECT handoff_id FROM handoffs
        WHERE deadline_at < now() - make_interval(days => ${String(openedKeptDays)})
          AND (customer_id IS NULL OR deadline_at < now() - make_interval(days => ${String(keptDays)}))
        ORDER BY deadline_at LIMIT ${String(deletedAtOnceMax)})`,
  );
  return rowCount ?? 0;
}
