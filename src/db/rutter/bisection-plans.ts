import type { BisectionPlan } from '../../domain/rutter/bisection-plan.js';
import type { Queryable } from '../pool.js';

/** The columns of a feed that hold its bisection plan; all of them, so that a row can be read as {@link RawBisection}. */
export const bisectionColumns = 'f.bisection_left, f.bisection_bad, f.bisection_hint, f.bisection_accepted';

export interface RawBisection {
  bisection_left: number | null;
  bisection_bad: number | null;
  bisection_hint: string | null;
  bisection_accepted: boolean;
}

export function bisectionFrom(raw: RawBisection | undefined): BisectionPlan | null {
  if (raw === undefined || raw.bisection_left === null) return null;
  const { bisection_left: left, bisection_hint: hint, bisection_accepted: accepted } = raw;
  return { left, bad: raw.bisection_bad ?? 0, hint, accepted };
}

/** The feed's plan, its row locked until the transaction ends. */
export async function lockBisectionPlan(
  db: Queryable,
  input: { feedId: string },
): Promise<BisectionPlan | null> {
  const { rows } = await db.query<RawBisection>(
    `SELECT ${bisectionColumns} FROM feeds f WHERE f.feed_id = $1 FOR UPDATE`,
    [input.feedId],
  );
  return bisectionFrom(rows[0]);
}

export async function writeBisectionPlan(
  db: Queryable,
  input: { feedId: string; plan: BisectionPlan | null },
): Promise<void> {
  const { plan } = input;
  await db.query(
    `UPDATE feeds SET bisection_left = $2, bisection_bad = $3, bisection_hint = $4, bisection_accepted = $5, updated_at = now()
      WHERE feed_id = $1`,
    [input.feedId, plan?.left ?? null, plan?.bad ?? null, plan?.hint ?? null, plan?.accepted ?? false],
  );
}

/**
 * Ends a bisection of which nothing was accepted: there is no plan any more, and no posting is suspected; those that were
 * are ready again. Answers their ids.
 */
export async function endBisection(db: Queryable, input: { feedId: string }): Promise<string[]> {
  await writeBisectionPlan(db, { ...input, plan: null });
  return await makeReady(db, { ...input, exceptions: ['suspected'], afterBatch: 0 });
}

/**
 * Undoes the single refusals since a batch: those postings are ready again. The watermark of what was
 * examined goes below them, since they lie at or before the cursor. Answers their ids, in the order of delivery.
 */
export async function makeReady(
  db: Queryable,
  input: { feedId: string; exceptions: readonly ('suspected' | 'quarantined')[]; afterBatch: number },
): Promise<string[]> {
  const { rows } = await db.query<{ transaction_id: string }>(
    `WITH gone AS (
       DELETE FROM ledger l USING batches b
        WHERE l.feed_id = $1 AND l.exception = ANY ($2) AND b.batch_id = l.batch_id AND b.state = 'refused'
          AND b.number > $3
       RETURNING l.transaction_id
     ), given_back AS (
       SELECT p.transaction_id, p.posted_at, p.sequence FROM feeds f, postings p JOIN gone USING (transaction_id)
        WHERE f.feed_id = $1 AND p.account_id = f.account_id
     ), examined AS (
       UPDATE feeds f SET examined_sequence = least(f.examined_sequence, (SELECT min(sequence) - 1 FROM given_back))
        WHERE f.feed_id = $1
     )
     SELECT transaction_id FROM given_back ORDER BY posted_at, sequence`,
    [input.feedId, input.exceptions, input.afterBatch],
  );
  return rows.map((row) => row.transaction_id);
}
