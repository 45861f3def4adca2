import { rejectedSample } from '../domain/ingestion-problem.js';
import { countIngestionProblem } from './ingestion-problems.js';
import { transaction, type Pool, type Queryable } from './pool.js';

/** An item of the sample. Its content is sealed for `{table: 'rejected_items', row: itemId}`. */
export interface RejectedItem {
  readonly itemId: string;
  /** Order of arrival, decimal text. */
  readonly position: string;
  readonly receivedAt: string;
  readonly contentSealed: string;
}

const deletedAtOnceMax = 5_000;

/** Counts rejected items and those accepted with a warning, and keeps the sample: the newest ones of the account. */
export async function recordRejectedItems(
  pool: Pool,
  input: {
    accountId: string;
    rejectedCount: number;
    contradictingCount: number;
    sample: readonly Pick<RejectedItem, 'itemId' | 'contentSealed'>[];
  },
): Promise<void> {
  const { accountId, sample } = input;
  await transaction(pool, async (db) => {
    if (input.contradictingCount > 0) {
      await countIngestionProblem(db, { accountId, kind: 'contradicting', count: input.contradictingCount });
    }
    if (input.rejectedCount === 0) return;
    // Its row's lock lets one call at a time change the sample.
    await countIngestionProblem(db, { accountId, kind: 'rejected', count: input.rejectedCount });
    await db.query(
      `INSERT INTO rejected_items (item_id, account_id, content_sealed)
       SELECT t.item_id, $1, t.content_sealed
         FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS t (item_id, content_sealed, n) ORDER BY t.n`,
      [accountId, sample.map(({ itemId }) => itemId), sample.map(({ contentSealed }) => contentSealed)],
    );
    await db.query(
      `DELETE FROM rejected_items WHERE account_id = $1 AND position <= (
         SELECT position FROM rejected_items WHERE account_id = $1
          ORDER BY position DESC OFFSET ${rejectedSample.itemsPerAccountMax} LIMIT 1)`,
      [accountId],
    );
  });
}

/** Up to `limit` items of an account's sample from below `beforePosition`, newest first. */
export async function listRejectedItems(
  db: Queryable,
  input: { accountId: string; beforePosition?: string | undefined; limit: number },
): Promise<RejectedItem[]> {
  const { rows } = await db.query<RejectedItem>(
    `SELECT item_id AS "itemId", position, received_at AS "receivedAt", content_sealed AS "contentSealed"
       FROM rejected_items
      WHERE account_id = $1 AND ($2::bigint IS NULL OR position < $2)
        AND received_at >= now() - make_interval(days => ${rejectedSample.keptDays})
      ORDER BY position DESC LIMIT $3`,
    [input.accountId, input.beforePosition ?? null, input.limit],
  );
  return rows;
}

/** Deletes some items past their retention; answers how many. */
export async function deleteOldRejectedItems(db: Queryable): Promise<number> {
  const { rowCount } = await db.query(
    `DELETE FROM rejected_items WHERE item_id IN (
       SELECT item_id FROM rejected_items
        WHERE received_at < now() - make_interval(days => ${rejectedSample.keptDays}) LIMIT ${deletedAtOnceMax})`,
  );
  return rowCount ?? 0;
}
