import { lockSageAccount, whereOf } from './accounts.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { unrecognizedMembersOf } from '../../domain/sage-banking/transaction.js';
import { storableJson } from '../storable-json.js';
import { writeTimeline } from '../timeline.js';

/** The transactions of one account, as Sage sent them. Read once, by cursor; only their suggestions change later. */

/** Sage's own object, every member kept. */
export interface SageTransactionObject {
  readonly transactionId: number;
  readonly [member: string]: unknown;
}

/** Ids that the timeline names of a page with unrecognized transactions. */
const namedOddMax = 20;

export interface StoredSageTransaction {
  readonly transactionId: number;
  /** Sage's object with the suggestions as they are stored. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly predictedActions: readonly unknown[];
  readonly predictedAt: string | null;
  readonly receivedAt: string;
  /** Members that do not have their documented type, by name. */
  readonly oddMembers: readonly string[];
}

interface RawTransaction {
  transaction_id: string;
  body: Record<string, unknown>;
  predicted_actions: unknown[];
  predicted_at: string | null;
  received_at: string;
  unrecognized_members: string[] | null;
}

const columns = 'transaction_id, body, predicted_actions, predicted_at, received_at, unrecognized_members';

function transactionFrom(raw: RawTransaction): StoredSageTransaction {
  return {
    transactionId: Number(raw.transaction_id),
    body: { ...raw.body, predictedActions: raw.predicted_actions },
    predictedActions: raw.predicted_actions,
    predictedAt: raw.predicted_at,
    receivedAt: raw.received_at,
    oddMembers: raw.unrecognized_members ?? [],
  };
}

/**
 * Stores a page and moves the cursor over it, in one transaction: the cursor never moves before its rows are stored. Rows
 * that are stored already are not changed, and a page behind the cursor changes nothing, so a page may come twice. The
 * names of unrecognized members are stored and reported on the timeline. Null when the account does not exist.
 */
export async function storePage(
  pool: Pool,
  input: { sageAccountId: string; transactions: readonly SageTransactionObject[]; endIndex: number },
): Promise<{ storedCount: number; lastTransactionId: number } | null> {
  return await transaction(pool, async (db) => {
    const account = await lockSageAccount(db, input);
    if (account === null) return null;
    const { rows: stored } = await db.query<{ id: string; odd: string[] | null }>(
      `INSERT INTO sage_transactions
         (sage_account_id, transaction_id, transaction_amount, transaction_narrative, date_posted, body,
          predicted_actions, predicted_at, unrecognized_members)
       SELECT $1, id, amount, narrative, posted, body, coalesce(predicted, '[]'),
              CASE WHEN predicted IS NOT NULL THEN now() END, odd
         FROM jsonb_to_recordset($2::jsonb) AS page
              (id bigint, amount numeric, narrative text, posted text, body jsonb, predicted jsonb, odd text[])
       ON CONFLICT (sage_account_id, transaction_id) DO NOTHING
       RETURNING transaction_id AS id, unrecognized_members AS odd`,
      [input.sageAccountId, storableJson(input.transactions.map(columnsOf))],
    );
    const odd = stored.filter((row) => row.odd !== null);
    const lastTransactionId = Math.max(account.lastTransactionId, input.endIndex);
    await db.query(
      `UPDATE sage_accounts SET last_transaction_id = $2, received = received + $3, received_unrecognized = received_unrecognized + $4,
              unrecognized_at = CASE WHEN $4 > 0 THEN now() ELSE unrecognized_at END, updated_at = now()
        WHERE sage_account_id = $1`,
      [input.sageAccountId, lastTransactionId, stored.length, odd.length],
    );
    if (odd.length > 0) {
      await writeTimeline(db, {
        ...whereOf(account),
        kind: 'sage_transactions_unrecognized',
        detail: {
          count: odd.length,
          transaction_ids: odd.slice(0, namedOddMax).map((row) => Number(row.id)),
          members: [...new Set(odd.flatMap((row) => row.odd ?? []))],
        },
      });
    }
    return { storedCount: stored.length, lastTransactionId };
  });
}

/** What cannot be read has no column and stays in the body alone. */
function columnsOf(transaction: SageTransactionObject) {
  const { predictedActions: _, ...rest } = transaction;
  const odd = new Set(unrecognizedMembersOf(transaction));
  const readable = (name: string) => (odd.has(name) ? null : transaction[name]);
  return {
    id: transaction.transactionId,
    amount: readable('transactionAmount'),
    narrative: readable('transactionNarrative'),
    posted: readable('datePosted'),
    body: odd.has('predictedActions') ? transaction : rest,
    // A missing member is not an empty list: Sage has made no prediction yet.
    predicted: readable('predictedActions') ?? null,
    odd: odd.size === 0 ? null : [...odd],
  };
}

/** Up to `limit` transactions with a larger id than `afterId`, in the order of their ids. */
export async function listStoredTransactions(
  db: Queryable,
  input: { sageAccountId: string; afterId: number; limit: number },
): Promise<StoredSageTransaction[]> {
  const { rows } = await db.query<RawTransaction>(
    `SELECT ${columns} FROM sage_transactions WHERE sage_account_id = $1 AND transaction_id > $2
      ORDER BY transaction_id LIMIT $3`,
    [input.sageAccountId, input.afterId, input.limit],
  );
  return rows.map(transactionFrom);
}

/** The same from the newest down: those with a smaller id than `beforeId`, or the newest of all. */
export async function listNewestTransactions(
  db: Queryable,
  input: { sageAccountId: string; beforeId?: number | undefined; limit: number },
): Promise<StoredSageTransaction[]> {
  const { rows } = await db.query<RawTransaction>(
    `SELECT ${columns} FROM sage_transactions
      WHERE sage_account_id = $1 AND ($2::bigint IS NULL OR transaction_id < $2)
      ORDER BY transaction_id DESC LIMIT $3`,
    [input.sageAccountId, input.beforeId ?? null, input.limit],
  );
  return rows.map(transactionFrom);
}

/** Those of the given ids that are stored, in the order of their ids. */
export async function readStoredTransactions(
  db: Queryable,
  input: { sageAccountId: string; transactionIds: readonly number[] },
): Promise<StoredSageTransaction[]> {
  const { rows } = await db.query<RawTransaction>(
    `SELECT ${columns} FROM sage_transactions WHERE sage_account_id = $1 AND transaction_id = ANY ($2::bigint[])
      ORDER BY transaction_id`,
    [input.sageAccountId, input.transactionIds],
  );
  return rows.map(transactionFrom);
}

/**
 * Replaces the suggestions of stored transactions by those that Sage returns now; answers of how many. What we never
 * stored is left out: the cursor brings it.
 */
export async function storePredictions(
  db: Queryable,
  input: {
    sageAccountId: string;
    predictions: readonly { transactionId: number; predictedActions: readonly unknown[] }[];
  },
): Promise<number> {
  const { rowCount } = await db.query(
    `UPDATE sage_transactions t SET predicted_actions = item -> 'predictedActions', predicted_at = now()
       FROM jsonb_array_elements($2::jsonb) AS item
      WHERE t.sage_account_id = $1 AND t.transaction_id = (item ->> 'transactionId')::bigint`,
    [input.sageAccountId, storableJson(input.predictions)],
  );
  return rowCount ?? 0;
}
