import { noCorrection, type PostingCorrection } from '../../domain/rutter/posting-correction.js';
import type { Queryable } from '../pool.js';
import type { PostingWithStatus } from './delivery-status.js';

/** What a decision on postings changes in the rows of one feed; its caller holds the feed's lock. */
export interface PostingChange {
  readonly feedId: string;
  /** Why, as the operator wrote it. */
  readonly reason: string;
  /** The postings decided on, as they were before. */
  readonly before: readonly PostingWithStatus[];
  /** Of a release. */
  readonly correction?: PostingCorrection;
}

/** Held until a decision, or never sent. Answers the ids. */
export async function keepBack(
  db: Queryable,
  input: PostingChange,
  { ids, state }: { ids: readonly string[]; state: 'held' | 'discarded' },
): Promise<readonly string[]> {
  const { rows } = await db.query<{ transaction_id: string }>(
    `INSERT INTO posting_holds AS h (feed_id, transaction_id, state, hold_reason, reason)
     SELECT $1, id, $3, 'operator', $4 FROM unnest($2::text[]) AS t (id)
     ON CONFLICT (feed_id, transaction_id) DO UPDATE
       SET state = $3, reason = $4, at = now(),
           hold_reason = CASE WHEN h.state = 'held' THEN h.hold_reason ELSE 'operator' END
     RETURNING transaction_id`,
    [input.feedId, ids, state, input.reason],
  );
  return rows.map((row) => row.transaction_id);
}

/** Answers the ids of those that were held. */
export async function endHold(
  db: Queryable,
  input: PostingChange,
  ids: readonly string[],
): Promise<string[]> {
  const { rows } = await db.query<{ transaction_id: string }>(
    `UPDATE posting_holds SET state = 'released', reason = $3, at = now()
      WHERE feed_id = $1 AND transaction_id = ANY ($2) AND state = 'held' RETURNING transaction_id`,
    [input.feedId, ids, input.reason],
  );
  return rows.map((row) => row.transaction_id);
}

/** Without its row the posting is ready. One in an open batch stays. Answers the ids of the others. */
export async function takeFromLedger(
  db: Queryable,
  input: PostingChange,
  ids: readonly string[],
): Promise<string[]> {
  const { rows } = await db.query<{ transaction_id: string }>(
    `DELETE FROM ledger l USING batches b
      WHERE l.feed_id = $1 AND l.transaction_id = ANY ($2) AND l.exception = 'quarantined'
        AND b.batch_id = l.batch_id AND b.state <> 'open'
     RETURNING l.transaction_id`,
    [input.feedId, ids],
  );
  return rows.map((row) => row.transaction_id);
}

/** Those that were refused, or that Rutter has with other content, are given up. Answers the ids of those that were not in an open batch. */
export async function discardInLedger(
  db: Queryable,
  input: PostingChange,
  ids: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await db.query<{ transaction_id: string }>(
    `UPDATE ledger l SET exception = 'discarded', had_conflict = l.exception = 'conflict' FROM batches b
      WHERE l.feed_id = $1 AND l.transaction_id = ANY ($2) AND l.exception IN ('quarantined', 'conflict')
        AND b.batch_id = l.batch_id AND b.state <> 'open'
     RETURNING l.transaction_id`,
    [input.feedId, ids],
  );
  return rows.map((row) => row.transaction_id);
}

/**
 * Postings that are ready again: the next build examines from the first of them on and finds them. A release without a
 * correction replaces an earlier one: the last request decides what is sent.
 */
export async function releaseAll(
  db: Queryable,
  input: PostingChange,
  ids: readonly string[],
): Promise<readonly string[]> {
  const { amount, description, payee, transactionType } = input.correction ?? noCorrection;
  await db.query(
    `INSERT INTO posting_corrections (feed_id, transaction_id, amount, description, payee, transaction_type, reason)
     SELECT $1, id, $3, $4, $5, $6, $7 FROM unnest($2::text[]) AS t (id)
     ON CONFLICT (feed_id, transaction_id) DO UPDATE
       SET amount = excluded.amount, description = excluded.description, payee = excluded.payee,
           transaction_type = excluded.transaction_type, reason = excluded.reason, at = now()`,
    [input.feedId, ids, amount, description, payee, transactionType, input.reason],
  );
  const released = new Set(ids);
  const sequences = input.before
    .filter(({ transactionId }) => released.has(transactionId))
    .map(({ sequence }) => BigInt(sequence));
  if (sequences.length === 0) return ids;
  const first = sequences.reduce((least, each) => (each < least ? each : least));
  await db.query(
    `UPDATE feeds SET examined_sequence = least(examined_sequence, $2::bigint - 1), updated_at = now()
      WHERE feed_id = $1`,
    [input.feedId, first.toString()],
  );
  return ids;
}
