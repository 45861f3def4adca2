import { transaction, type Pool, type Queryable } from '../pool.js';
import { inForce } from './corrections.js';
import { pendingTransaction } from './reprocesses.js';

/** The outcome of a disconnected account's rule on the account that it was restored to. */
export interface RestoredRule {
  readonly oldRuleId: string;
  /** Null: not restored, for `reason`, or under way. */
  readonly newRuleId: string | null;
  /** A sentence for display. */
  readonly reason: string | null;
}

/** All that was ever asked to be restored to the account. */
export async function listRestoredRules(
  db: Queryable,
  input: { sageAccountId: string },
): Promise<RestoredRule[]> {
  const { rows } = await db.query<RestoredRule>(
    `SELECT old_rule_id AS "oldRuleId", new_rule_id AS "newRuleId", reason
       FROM sage_restored_rules WHERE sage_account_id = $1`,
    [input.sageAccountId],
  );
  return rows;
}

/** The same, and which of them got their outcome since an instant, which is ISO text. */
export async function listRestoredRulesSince(
  db: Queryable,
  input: { sageAccountId: string; since: string },
): Promise<(RestoredRule & { readonly isSince: boolean })[]> {
  const { rows } = await db.query<RestoredRule & { isSince: boolean }>(
    `SELECT old_rule_id AS "oldRuleId", new_rule_id AS "newRuleId", reason,
            updated_at >= $2::timestamptz AS "isSince"
       FROM sage_restored_rules WHERE sage_account_id = $1`,
    [input.sageAccountId, input.since],
  );
  return rows;
}

/** Stores the outcome for one rule as soon as it is known. A restored rule stays restored. */
export async function recordRestoredRule(
  db: Queryable,
  input: { sageAccountId: string } & RestoredRule,
): Promise<void> {
  await db.query(
    `INSERT INTO sage_restored_rules (sage_account_id, old_rule_id, new_rule_id, reason, restored_at)
     VALUES ($1, $2, $3, $4, CASE WHEN $3::text IS NULL THEN NULL ELSE now() END)
     ON CONFLICT (sage_account_id, old_rule_id) DO UPDATE
       SET new_rule_id = excluded.new_rule_id, reason = excluded.reason, restored_at = excluded.restored_at,
           updated_at = now()
     WHERE sage_restored_rules.new_rule_id IS NULL`,
    [input.sageAccountId, input.oldRuleId, input.newRuleId, input.reason],
  );
}

/** A restored rule that was deleted, here or elsewhere, may be restored again. */
export async function forgetRestoredRule(
  db: Queryable,
  input: { sageAccountId: string; newRuleId: string },
): Promise<void> {
  await db.query(`DELETE FROM sage_restored_rules WHERE sage_account_id = $1 AND new_rule_id = $2`, [
    input.sageAccountId,
    input.newRuleId,
  ]);
}

/** The time limit of the count: a caller does not wait longer for it. */
const countTimeoutMs = 3_000;

/** Stored transactions that a reprocess run could sort by new rules; null when they cannot be counted in a moment. */
export async function countPendingTransactions(
  pool: Pool,
  input: { sageAccountId: string },
): Promise<number | null> {
  try {
    return await transaction(pool, async (db) => {
      await db.query(`SET LOCAL statement_timeout = ${String(countTimeoutMs)}`);
      const { rows } = await db.query<{ pending: number }>(
        `SELECT count(*)::int AS pending FROM sage_transactions WHERE sage_account_id = $1 AND ${pendingTransaction} AND ${inForce}`,
        [input.sageAccountId],
      );
      return rows[0]?.pending ?? 0;
    });
  } catch {
    // On any failure: the other results matter more than this number.
    return null;
  }
}
