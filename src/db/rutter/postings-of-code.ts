import type { HoldReason } from '../../domain/rutter/delivery-status.js';
import type { Queryable } from '../pool.js';

/** The hold reasons for which operators decide; as codes they select all postings held for them. */
const decidedHoldReasons: readonly HoldReason[] = ['operator', 'possible_duplicate'];
/** The code of what Rutter has with other content. */
const conflictCode = 'conflict';

/** The code by which the provider refused the batch `b`: that of its latest attempt. */
const refusalCode =
  '(SELECT a.error_code FROM attempts a WHERE a.batch_id = b.batch_id ORDER BY a.number DESC LIMIT 1)';

/**
 * The ids of postings that wait for an operator for one cause, after `afterId`: refused with this code of the provider,
 * at Rutter with other content (`conflict`), or held for this reason.
 */
export async function listPostingsOfCode(
  db: Queryable,
  input: { feedId: string; code: string; afterId: string | null; limit: number },
): Promise<string[]> {
  const { rows } = await db.query<{ transaction_id: string }>(
    `SELECT transaction_id FROM (
       SELECT transaction_id FROM posting_holds
        WHERE feed_id = $1 AND state = 'held' AND hold_reason = $2 AND $2 = ANY ($5)
       UNION
       SELECT l.transaction_id FROM ledger l JOIN batches b USING (batch_id)
        WHERE l.feed_id = $1 AND l.exception = 'conflict' AND $2 = $6 AND b.state <> 'open'
       UNION
       SELECT l.transaction_id FROM ledger l JOIN batches b USING (batch_id)
        WHERE l.feed_id = $1 AND l.exception = 'quarantined' AND b.state <> 'open'
          AND $2 = ${refusalCode}
     ) waiting
      WHERE $3::text IS NULL OR transaction_id > $3 COLLATE "C" ORDER BY transaction_id LIMIT $4`,
    [input.feedId, input.code, input.afterId, input.limit, decidedHoldReasons, conflictCode],
  );
  return rows.map((row) => row.transaction_id);
}

/**
 * Whether postings of the feed wait for this cause, or did: a repeated decision differs in this from a code that
 * selects nothing. A discarded conflict looks like any other discarded posting.
 */
export async function hasHadPostingsOfCode(
  db: Queryable,
  input: { feedId: string; code: string },
): Promise<boolean> {
  const { rows } = await db.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM posting_holds WHERE feed_id = $1 AND hold_reason = $2)
         OR EXISTS (SELECT 1 FROM ledger WHERE feed_id = $1 AND exception IN ('conflict', 'discarded') AND $2 = $3)
         OR EXISTS (SELECT 1 FROM batches b WHERE b.feed_id = $1 AND b.state <> 'open' AND $2 = ${refusalCode}) AS found`,
    [input.feedId, input.code, conflictCode],
  );
  return rows[0]?.found ?? false;
}
