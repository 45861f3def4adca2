import type { Queryable } from './pool.js';

/** Balances as a caller gives them: at least one amount; without a moment they are those of now. */
export interface GivenBalances {
  readonly available: string | null;
  readonly current: string | null;
  /** An instant; null: now. */
  readonly asOf: string | null;
}

/**
 * Stores the balances of a moment, both together, unless those of a newer moment are stored. Does not count as a change
 * of the account. Answers whether they were stored.
 */
export async function storeBalances(
  db: Queryable,
  input: { accountId: string; balances: GivenBalances },
): Promise<boolean> {
  const { available, current, asOf } = input.balances;
  const { rowCount } = await db.query(
    `UPDATE accounts SET balance_available = $2, balance_current = $3, balances_as_of = coalesce($4, now())
      WHERE account_id = $1 AND (balances_as_of IS NULL OR balances_as_of <= coalesce($4, now()))`,
    [input.accountId, available, current, asOf],
  );
  return rowCount === 1;
}
