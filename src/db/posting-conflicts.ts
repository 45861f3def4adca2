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
 * Keeps the version that was not taken over, for people to compare. The same one again only counts. Call it in the
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
