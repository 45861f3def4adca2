import type { IngestionProblemKind } from '../domain/ingestion-problem.js';
import { isoText, type Queryable } from './pool.js';

/** How many items of an account had a problem of one kind, and when. Instants are ISO text. */
export interface IngestionProblemCount {
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
}
export type IngestionProblemCounts = Partial<Record<IngestionProblemKind, IngestionProblemCount>>;

/** An account is on few connections; the timelines of more feeds than this have no entry. */
const feedsWithEntryMax = 50;
const timelineKinds: Record<IngestionProblemKind, string> = {
  rejected: 'postings_rejected',
  conflicting: 'postings_conflicting',
  contradicting: 'postings_contradicting',
};

/**
 * Counts items of an account that had a problem, with a timeline entry for each of its feeds: one an hour, whose count
 * grows. Call it in a transaction; the account's row of the kind stays locked until that ends.
 */
export async function countIngestionProblem(
  db: Queryable,
  input: { accountId: string; kind: IngestionProblemKind; count: number },
): Promise<void> {
  const { rows } = await db.query<{ hour_count: string; entry_ids: string[] }>(
    `INSERT INTO ingestion_problems AS i (account_id, kind, count, hour_count) VALUES ($1, $2, $3, $3)
     ON CONFLICT (account_id, kind) DO UPDATE
        SET count = i.count + excluded.count, last_at = now(), hour_began_at = excluded.hour_began_at,
            hour_count = excluded.hour_count
              + CASE WHEN i.hour_began_at = excluded.hour_began_at THEN i.hour_count ELSE 0 END,
            entry_ids = CASE WHEN i.hour_began_at = excluded.hour_began_at THEN i.entry_ids ELSE '{}' END
     RETURNING hour_count, entry_ids`,
    [input.accountId, input.kind, input.count],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('the count was not stored');
  const detail = { account_id: input.accountId, count: Number(row.hour_count) };
  if (row.entry_ids.length === 0) return await writeEntries(db, input, detail);
  await db.query(
    `UPDATE timeline SET detail = $2::jsonb || jsonb_build_object('last_at', ${isoNow}) WHERE entry_id = ANY ($1::bigint[])`,
    [row.entry_ids, detail],
  );
}

const isoNow = isoText('now()');

async function writeEntries(
  db: Queryable,
  input: { accountId: string; kind: IngestionProblemKind },
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await db.query(
    `WITH entries AS (
       INSERT INTO timeline (kind, customer_id, connection_id, feed_id, detail)
       SELECT $3, a.customer_id, f.connection_id, f.feed_id, $4::jsonb || jsonb_build_object('last_at', ${isoNow})
         FROM accounts a LEFT JOIN feeds f ON f.account_id = a.account_id AND f.operator <> 'closed'
        WHERE a.account_id = $1 ORDER BY f.feed_id LIMIT ${feedsWithEntryMax}
       RETURNING entry_id
     )
     UPDATE ingestion_problems SET entry_ids = ARRAY(SELECT entry_id FROM entries)
      WHERE account_id = $1 AND kind = $2`,
    [input.accountId, input.kind, timelineKinds[input.kind], detail],
  );
}

/** A scalar subquery: the counts of the account that the SQL expression names, as JSON; null when it has none. */
export function ingestionProblemsSql(accountId: string): string {
  return `(SELECT jsonb_object_agg(i.kind, jsonb_build_object('count', i.count,
                    'firstAt', ${isoText('i.first_at')}, 'lastAt', ${isoText('i.last_at')}))
             FROM ingestion_problems i WHERE i.account_id = ${accountId})`;
}

/** The counts of an account. */
export async function readIngestionProblems(
  db: Queryable,
  input: { accountId: string },
): Promise<IngestionProblemCounts> {
  const { rows } = await db.query<{ counts: IngestionProblemCounts | null }>(
    `SELECT ${ingestionProblemsSql('$1')} AS counts`,
    [input.accountId],
  );
  return rows[0]?.counts ?? {};
}
