import type { RuleTransaction } from '../domain/sage-rules/rule.js';
import type { Pool } from './pool.js';

export interface RuleTransactionRow {
  readonly transactionId: number;
  /** Sage's object as it was read. */
  readonly body: RuleTransaction;
}

/** Read together: some hundred kilobytes, so that memory stays small whatever the account holds. */
const chunkTransactions = 1_000;

/** An account's stored transactions up to an id, chunk by chunk in the order of their ids. */
export async function* ruleTransactions(
  pool: Pool,
  input: { sageAccountId: string; upToId: number },
): AsyncGenerator<readonly RuleTransactionRow[]> {
  let afterId = 0;
  for (;;) {
    const { rows } = await pool.query<{ transaction_id: string; body: Record<string, unknown> }>(
      `SELECT transaction_id, body FROM sage_transactions
        WHERE sage_account_id = $1 AND transaction_id > $2 AND transaction_id <= $3
        ORDER BY transaction_id LIMIT $4`,
      [input.sageAccountId, afterId, input.upToId, chunkTransactions],
    );
    if (rows.length > 0) {
      yield rows.map((row) => ({ transactionId: Number(row.transaction_id), body: row.body }));
    }
    if (rows.length < chunkTransactions) return;
    afterId = Number(rows.at(-1)?.transaction_id);
  }
}
