import type { HandoffReason } from '../../domain/rutter/handoff.js';
import { outcomeOfReason, type HandoffOutcome } from '../../domain/rutter/handoff-end.js';
import type { Queryable } from '../pool.js';

/** How a handoff ended: with a reason, unless it was completed or a newer one took its place. */
export type HandoffEnd =
  | { readonly outcome: 'completed' | 'superseded' }
  | { readonly reason: HandoffReason };

/** Counts ends. Call it last in the transaction that ends the handoffs: the row's lock is held until it commits. */
export async function countHandoffEnds(db: Queryable, end: HandoffEnd, count = 1): Promise<void> {
  const [outcome, reason] = 'reason' in end ? [outcomeOfReason(end.reason), end.reason] : [end.outcome, ''];
  await db.query(
    `INSERT INTO handoff_counts AS c (outcome, reason, count) VALUES ($1, $2, $3)
     ON CONFLICT (outcome, reason) DO UPDATE SET count = c.count + EXCLUDED.count`,
    [outcome, reason, count],
  );
}

/** All counts since the beginning. */
export async function readHandoffCounts(
  db: Queryable,
): Promise<{ outcome: HandoffOutcome; reason: HandoffReason | ''; count: number }[]> {
  const { rows } = await db.query<{ outcome: HandoffOutcome; reason: HandoffReason | ''; count: number }>(
    `SELECT outcome, reason, count::float8 AS count FROM handoff_counts`,
  );
  return rows;
}
