import { z } from 'zod';
import type { BisectionPlan } from '../../domain/rutter/bisection-plan.js';
import type { Queryable } from '../pool.js';

/** The columns of a feed that hold its bisection plan; all of them, so that a row can be read as {@link RawBisection}. */
export const bisectionColumns =
  'f.bisection_left, f.bisection_bad, f.bisection_hint, f.bisection_accepted, f.bisection_progress';

export interface RawBisection {
  bisection_left: number | null;
  bisection_bad: number | null;
  bisection_hint: string | null;
  bisection_accepted: boolean;
  bisection_progress: unknown;
}

/** The part of a plan that is stored as JSON. A plan of version 0.2.0 has none. */
const progressSchema = z.object({
  size: z.number().int().positive(),
  requests: z.number().int().nonnegative(),
  refusedAlone: z.number().int().nonnegative(),
  refusedRun: z.number().int().nonnegative(),
  acceptedPart: z.number().int().nonnegative(),
  misleadingHints: z.number().int().nonnegative(),
  hintsHold: z.boolean(),
  sequenceMax: z.string().nullable(),
});

export function bisectionFrom(raw: RawBisection | undefined): BisectionPlan | null {
  if (raw === undefined || raw.bisection_left === null) return null;
  const { bisection_left: left, bisection_hint: hint, bisection_accepted: accepted } = raw;
  const stored = raw.bisection_progress;
  const progress =
    stored === null || stored === undefined ? progressOfOldPlan(left) : progressSchema.parse(stored);
  // A worker of version 0.2.0 that works beside this one counts `left` alone.
  return {
    ...progress,
    size: Math.max(progress.size, left),
    left,
    bad: raw.bisection_bad ?? 0,
    hint,
    accepted,
  };
}

function progressOfOldPlan(left: number): z.output<typeof progressSchema> {
  return {
    size: left,
    requests: 1,
    refusedAlone: 0,
    refusedRun: 0,
    acceptedPart: 0,
    misleadingHints: 0,
    hintsHold: false,
    sequenceMax: null,
  };
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
    `UPDATE feeds SET bisection_left = $2, bisection_bad = $3, bisection_hint = $4, bisection_accepted = $5,
            bisection_progress = $6, updated_at = now()
      WHERE feed_id = $1`,
    [
      input.feedId,
      plan?.left ?? null,
      plan?.bad ?? null,
      plan?.hint ?? null,
      plan?.accepted ?? false,
      plan === null ? null : JSON.stringify(progressSchema.parse(plan)),
    ],
  );
}

/**
 * Ends a bisection: there is no plan any more, and no posting is suspected; those that were are ready again. Answers
 * their ids, in the order of delivery.
 */
export async function endBisection(db: Queryable, input: { feedId: string }): Promise<string[]> {
  await writeBisectionPlan(db, { ...input, plan: null });
  return await makeReady(db, { ...input, which: `l.exception = 'suspected'` });
}

/**
 * Undoes the quarantine of batches of one posting since a batch: those postings are ready again. Answers their ids, in
 * the order of delivery.
 */
export async function undoRefusedAlone(
  db: Queryable,
  input: { feedId: string; afterBatch: number },
): Promise<string[]> {
  const which = `l.exception = 'quarantined' AND NOT b.bisected AND b.number > ${String(input.afterBatch)}`;
  return await makeReady(db, { feedId: input.feedId, which });
}

/** The watermark of what was examined goes below them, since they lie at or before the cursor. */
async function makeReady(db: Queryable, input: { feedId: string; which: string }): Promise<string[]> {
  const { rows } = await db.query<{ transaction_id: string }>(
    `WITH gone AS (
       DELETE FROM ledger l USING batches b
        WHERE l.feed_id = $1 AND b.batch_id = l.batch_id AND b.state = 'refused' AND ${input.which}
       RETURNING l.transaction_id
     ), given_back AS (
       SELECT p.transaction_id, p.send_at, p.sequence FROM feeds f, postings p JOIN gone USING (transaction_id)
        WHERE f.feed_id = $1 AND p.account_id = f.account_id
     ), examined AS (
       UPDATE feeds f SET examined_sequence = least(f.examined_sequence, (SELECT min(sequence) - 1 FROM given_back))
        WHERE f.feed_id = $1
     )
     SELECT transaction_id FROM given_back ORDER BY send_at, sequence`,
    [input.feedId],
  );
  return rows.map((row) => row.transaction_id);
}
