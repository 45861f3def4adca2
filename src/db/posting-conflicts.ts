import type { ConflictCode } from '../domain/posting-conflict.js';
import type { Posting } from '../domain/posting-input.js';
import type { Queryable } from './pool.js';

/** A posting whose id is stored with other content. */
export interface FoundConflict {
  readonly posting: Posting;
  /** Hex SHA-256 of its canonical content. */
  readonly hash: string;
  readonly code: ConflictCode;
}

/**
 * Stores the version that was not accepted, for operators to compare. The same one again is only counted. Call it in the
 * transaction that found it.
 */
export async function recordConflicts(
  db: Queryable,
  input: { accountId: string; conflicts: readonly FoundConflict[] },
): Promise<void> {
  const distinct = new Map<string, FoundConflict & { times: number }>();
  for (const conflict of input.conflicts) {
    const key = `${conflict.hash} ${conflict.posting.transactionId}`;
    distinct.set(key, { ...conflict, times: 1 + (distinct.get(key)?.times ?? 0) });
  }
  const rows = [...distinct.values()];
  await db.query(
    `INSERT INTO posting_conflicts (account_id, transaction_id, content_hash, received, reason, times)
     SELECT $1, * FROM unnest($2::text[], $3::bytea[], $4::jsonb[], $5::text[], $6::int[])
     ON CONFLICT (account_id, transaction_id, content_hash)
     DO UPDATE SET times = posting_conflicts.times + excluded.times, last_at = now()`,
    [
      input.accountId,
      rows.map(({ posting }) => posting.transactionId),
      rows.map(({ hash }) => `\\x${hash}`),
      rows.map(({ posting }) => JSON.stringify(posting)),
      rows.map(({ code }) => code),
      rows.map(({ times }) => times),
    ],
  );
}

/** A version of a posting that was not accepted, beside the one that is stored. */
export interface PostingConflict {
  /** Decimal text. */
  readonly conflictId: string;
  readonly transactionId: string;
  readonly code: ConflictCode;
  readonly times: number;
  readonly firstAt: string;
  readonly lastAt: string;
  /** As it is now; a pending one may have been replaced since. */
  readonly stored: Posting;
  readonly received: Posting;
}

/** Up to `limit` conflicts of an account older than `beforeConflictId`, newest first. */
export async function listConflicts(
  db: Queryable,
  input: {
    accountId: string;
    transactionId?: string | undefined;
    beforeConflictId?: string | undefined;
    limit: number;
  },
): Promise<PostingConflict[]> {
  const { rows } = await db.query<Omit<PostingConflict, 'stored'> & Omit<Posting, 'transactionId'>>(
    `SELECT c.conflict_id AS "conflictId", c.transaction_id AS "transactionId", c.reason AS code, c.times,
            c.first_at AS "firstAt", c.last_at AS "lastAt", c.received, p.posted_at AS "postedAt", ${storedDay}, p.amount,
            p.description, p.payee, p.transaction_type AS "transactionType", p.status, p.corrects
       FROM posting_conflicts c
       JOIN postings p ON p.transaction_id = c.transaction_id AND p.account_id = c.account_id
      WHERE c.account_id = $1 AND ($2::text IS NULL OR c.transaction_id = $2)
        AND ($3::bigint IS NULL OR c.conflict_id < $3)
      ORDER BY c.conflict_id DESC LIMIT $4`,
    [input.accountId, input.transactionId ?? null, input.beforeConflictId ?? null, input.limit],
  );
  return rows.map(({ conflictId, code, times, firstAt, lastAt, received, ...stored }) => ({
    conflictId,
    transactionId: stored.transactionId,
    code,
    times,
    firstAt,
    lastAt,
    received,
    stored,
  }));
}

/** The days of posting `p`. */
const storedDay = 'p.booking_day AS "bookingDay", p.send_at AS "sendAt"';

/** A posting that Rutter has under the same id with other content. */
export interface ConflictAtRutter {
  readonly posting: Posting;
  /** Position in the account's order of arrival, decimal text. */
  readonly sequence: string;
  readonly batchNumber: number;
  readonly completedAt: string | null;
  /** Our description of what differs. */
  readonly difference: string | null;
}

/** Up to `limit` postings of a feed that Rutter has with other content, last arrived first. */
export async function listConflictsAtRutter(
  db: Queryable,
  input: { feedId: string; beforeSequence?: string | undefined; limit: number },
): Promise<ConflictAtRutter[]> {
  const { rows } = await db.query<Posting & Omit<ConflictAtRutter, 'posting'>>(
    `SELECT p.transaction_id AS "transactionId", p.posted_at AS "postedAt", ${storedDay}, p.amount, p.description, p.payee,
            p.transaction_type AS "transactionType", p.status, p.corrects, p.sequence, b.number AS "batchNumber",
            b.completed_at AS "completedAt", l.detail AS difference
       FROM ledger l JOIN feeds f USING (feed_id) JOIN batches b USING (batch_id)
       JOIN postings p ON p.transaction_id = l.transaction_id AND p.account_id = f.account_id
      WHERE l.feed_id = $1 AND l.exception = 'conflict' AND ($2::bigint IS NULL OR p.sequence < $2)
      ORDER BY p.sequence DESC LIMIT $3`,
    [input.feedId, input.beforeSequence ?? null, input.limit],
  );
  return rows.map(({ sequence, batchNumber, completedAt, difference, ...posting }) => ({
    posting,
    sequence,
    batchNumber,
    completedAt,
    difference,
  }));
}
