import type { PostingUse } from '../domain/posting-conflict.js';
import type { Queryable } from './pool.js';

/**
 * Locks the rows of all feeds of an account, as building a batch does: until the transaction ends no feed puts a posting
 * of the account into a batch. Call it before the account's row is locked: feeds come before accounts in the order of
 * locks, and feeds in the order of their ids.
 */
export async function lockFeedsOfAccount(db: Queryable, input: { accountId: string }): Promise<void> {
  await db.query(`SELECT 1 FROM feeds WHERE account_id = $1 ORDER BY feed_id FOR UPDATE`, [input.accountId]);
}

/**
 * What the account's feeds did with these postings; those that no feed has in a batch are absent. A feed that was made
 * since {@link lockFeedsOfAccount} is locked now: it is too young to have a batch of its own under way.
 */
export async function readPostingUse(
  db: Queryable,
  input: { accountId: string; transactionIds: readonly string[] },
): Promise<Map<string, PostingUse>> {
  if (input.transactionIds.length === 0) return new Map();
  await lockFeedsOfAccount(db, input);
  const { rows } = await db.query<{ transaction_id: string; only_refused: boolean }>(
    `SELECT l.transaction_id, bool_and(coalesce(l.exception IN ('quarantined', 'discarded'), false)) AS only_refused
       FROM feeds f JOIN ledger l USING (feed_id)
      WHERE f.account_id = $1 AND l.transaction_id = ANY ($2::text[]) GROUP BY l.transaction_id`,
    [input.accountId, input.transactionIds],
  );
  return new Map(rows.map((row) => [row.transaction_id, row.only_refused ? 'refused' : 'in_batch']));
}
