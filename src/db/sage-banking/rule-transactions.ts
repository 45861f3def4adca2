import type { RuleTransaction } from '../../domain/sage-banking/rules/rule.js';
import type { Pool } from '../pool.js';
import { inForce } from './corrections.js';

/** Read together: some hundred kilobytes, so that memory stays small for any account. */
const chunkTransactions = 1_000;

/** Fields with columns of their own, or cheap to extract from the object. */
const columnFields: ReadonlySet<string> = new Set([
  'transactionNarrative',
  'transactionAmount',
  '$baseType',
  'datePosted',
  'currency',
]);

export interface RuleTransactionRow {
  readonly transactionId: number;
  /** Amount, narrative, date and currency, and every other member as soon as rules ask for one. */
  readonly body: RuleTransaction;
}

interface RawRow {
  transaction_id: string;
  amount: string | null;
  narrative: string | null;
  posted: string | null;
  currency: string | null;
  body: Record<string, unknown> | null;
  unread: string[] | null;
}

/**
 * An account's transactions in force up to an id, chunk by chunk in the order of their ids, with what conditions on
 * `fields` need. Whole objects cost four times as much to read, so that most rules do without.
 */
export async function* ruleTransactions(
  pool: Pool,
  input: { sageAccountId: string; upToId: number; fields: ReadonlySet<string> },
): AsyncGenerator<readonly RuleTransactionRow[]> {
  const needsAll = [...input.fields].some((field) => !columnFields.has(field));
  let afterId = 0;
  for (;;) {
    // A narrative that Sage left out is joined from members, and an unrecognized member has no column: such an object is needed whole.
    const { rows } = await pool.query<RawRow>(
      `SELECT transaction_id, transaction_amount::text AS amount, transaction_narrative AS narrative,
              date_posted AS posted, body ->> 'currency' AS currency,
              CASE WHEN $5 OR transaction_narrative IS NULL OR unrecognized_members IS NOT NULL THEN body END AS body,
              unrecognized_members AS unread
         FROM sage_transactions
        WHERE sage_account_id = $1 AND transaction_id > $2 AND transaction_id <= $3 AND ${inForce}
        ORDER BY transaction_id LIMIT $4`,
      [input.sageAccountId, afterId, input.upToId, chunkTransactions, needsAll],
    );
    if (rows.length > 0) yield rows.map(transactionFrom);
    if (rows.length < chunkTransactions) return;
    afterId = Number(rows.at(-1)?.transaction_id);
  }
}

function transactionFrom(raw: RawRow): RuleTransactionRow {
  const body = raw.body ?? {
    transactionAmount: raw.amount,
    transactionNarrative: raw.narrative,
    datePosted: raw.posted,
    currency: raw.currency,
  };
  const transactionId = Number(raw.transaction_id);
  if (raw.unread === null) return { transactionId, body };
  // What cannot be read counts as missing, for rules as on pages.
  return { transactionId, body: { ...body, ...Object.fromEntries(raw.unread.map((name) => [name, null])) } };
}
