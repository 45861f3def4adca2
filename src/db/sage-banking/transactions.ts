import { lockSageAccount, whereOf, type SageAccountRow } from './accounts.js';
import type { CorrectionAction } from '../../domain/sage-banking/correction.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { applyCorrections, inForce } from './corrections.js';
import { readSageTransaction, wholeObjectName } from '../../domain/sage-banking/transaction.js';
import { storableJson } from '../storable-json.js';
import { writeTimeline } from '../timeline.js';

/** The transactions of one account, as Sage sent them. Read once, by cursor; only their suggestions change later. */

/** Sage's own object, every member kept. */
export interface SageTransactionObject {
  readonly transactionId: number;
  readonly [member: string]: unknown;
}

/** Ids of transactions that one timeline entry names. */
const namedIdsMax = 20;

export interface StoredSageTransaction {
  readonly transactionId: number;
  /** Sage's object with the suggestions as they are stored. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly predictedActions: readonly unknown[];
  readonly predictedAt: string | null;
  readonly receivedAt: string;
  /** Members that do not have their documented type, by name. */
  readonly unrecognizedMembers: readonly string[];
  /** What it does to an earlier transaction; null for one that corrects nothing. */
  readonly correctionAction: CorrectionAction | null;
  /** The correction that replaced or removed it; null while it is in force. */
  readonly correctedBy: number | null;
}

/** Which stored transactions a list has: those in force, or the corrected ones and the removals, too. */
export type CorrectedScope = 'in_force' | 'all';

/** Ids of Sage's are whole numbers that JSON carries, so they fit a number. */
const columns = `transaction_id::float8 AS "transactionId", body || jsonb_build_object('predictedActions', predicted_actions) AS body,
  predicted_actions AS "predictedActions", predicted_at AS "predictedAt", received_at AS "receivedAt",
  coalesce(unrecognized_members, '{}') AS "unrecognizedMembers", correction_action AS "correctionAction",
  corrected_by::float8 AS "correctedBy"`;

/** The condition of a list's scope; `all` is a parameter of the statement. */
const inScope = (all: string) => `(${all} OR (${inForce}))`;

/**
 * Stores a page and moves the cursor over it, in one transaction: the cursor never moves before its rows are stored. Rows
 * that are stored already are not changed, and a page behind the cursor changes nothing, so a page may come twice. The
 * names of unrecognized members are stored and reported on the timeline. Null when the account does not exist.
 */
export async function storePage(
  pool: Pool,
  input: {
    sageAccountId: string;
    transactions: readonly SageTransactionObject[];
    /** A transaction that is too large to be read: a row without its content is stored. */
    tooLargeId?: number;
    endIndex: number;
  },
): Promise<{ storedCount: number; lastTransactionId: number } | null> {
  return await transaction(pool, async (db) => {
    const account = await lockSageAccount(db, input);
    if (account === null) return null;
    const { rows: stored } = await db.query<StoredRow>(
      `INSERT INTO sage_transactions
         (sage_account_id, transaction_id, transaction_amount, transaction_narrative, date_posted, body,
          predicted_actions, predicted_at, unrecognized_members, correction_action)
       SELECT $1, id, amount, narrative, posted, body, coalesce(predicted, '[]'),
              CASE WHEN predicted IS NOT NULL THEN now() END, unread, action
         FROM jsonb_to_recordset($2::jsonb) AS page
              (id bigint, amount numeric, narrative text, posted text, body jsonb, predicted jsonb, unread text[],
               action text)
       ON CONFLICT (sage_account_id, transaction_id) DO NOTHING
       RETURNING transaction_id AS id, unrecognized_members AS unread, correction_action AS action,
                 body ->> 'correctionId' AS corrects`,
      [input.sageAccountId, storableJson(rowsOf(input))],
    );
    const unread = stored.filter((row) => row.unread !== null);
    const notInForce = await storeCorrections(db, account, stored);
    const lastTransactionId = Math.max(account.lastTransactionId, input.endIndex);
    await db.query(
      `UPDATE sage_accounts SET last_transaction_id = $2, received = received + $3, received_unrecognized = received_unrecognized + $4,
              received_corrected = received_corrected + $5,
              unrecognized_at = CASE WHEN $4 > 0 THEN now() ELSE unrecognized_at END, updated_at = now()
        WHERE sage_account_id = $1`,
      [input.sageAccountId, lastTransactionId, stored.length, unread.length, notInForce],
    );
    if (unread.length > 0) {
      await writeTimeline(db, {
        ...whereOf(account),
        kind: 'sage_transactions_unrecognized',
        detail: {
          count: unread.length,
          transaction_ids: unread.slice(0, namedIdsMax).map((row) => Number(row.id)),
          members: [...new Set(unread.flatMap((row) => row.unread ?? []))],
        },
      });
    }
    return { storedCount: stored.length, lastTransactionId };
  });
}

interface StoredRow {
  readonly id: string;
  readonly unread: string[] | null;
  readonly action: CorrectionAction | null;
  readonly corrects: string | null;
}

/** Applies the corrections among new rows, with a timeline entry; answers how many rows are not in force any more. */
async function storeCorrections(
  db: Queryable,
  account: SageAccountRow,
  stored: readonly StoredRow[],
): Promise<number> {
  const corrections = stored.flatMap(({ id, action, corrects }) =>
    action === null || corrects === null ? [] : [{ transactionId: Number(id), action, corrects }],
  );
  if (corrections.length === 0) return 0;
  const counts = await applyCorrections(db, { sageAccountId: account.sageAccountId, corrections });
  await writeTimeline(db, {
    ...whereOf(account),
    kind: 'sage_transactions_corrected',
    detail: {
      replaced: counts.replaced,
      removed: counts.removed,
      without_original: counts.withoutOriginal,
      transaction_ids: corrections.slice(0, namedIdsMax).map(({ transactionId }) => transactionId),
    },
  });
  return counts.notInForce;
}

function rowsOf(input: { transactions: readonly SageTransactionObject[]; tooLargeId?: number }) {
  const rows = input.transactions.map(columnsOf);
  if (input.tooLargeId === undefined) return rows;
  return [...rows, { ...columnsOf({ transactionId: input.tooLargeId }), unread: [wholeObjectName] }];
}

/** What cannot be read has no column and stays in the body alone; what cannot be kept is in neither. */
function columnsOf(transaction: SageTransactionObject) {
  const { body, unrecognized, correction } = readSageTransaction(transaction);
  const { predictedActions: _, ...rest } = body;
  const unread = new Set(unrecognized);
  const readable = (name: string) => (unread.has(name) ? null : body[name]);
  return {
    id: transaction.transactionId,
    amount: readable('transactionAmount'),
    narrative: readable('transactionNarrative'),
    posted: readable('datePosted'),
    body: unread.has('predictedActions') ? body : rest,
    // A missing member is not an empty list: Sage has made no prediction yet.
    predicted: readable('predictedActions') ?? null,
    unread: unread.size === 0 ? null : [...unread],
    action: correction?.action ?? null,
  };
}

/** Up to `limit` transactions with a larger id than `afterId`, in the order of their ids. */
export async function listStoredTransactions(
  db: Queryable,
  input: { sageAccountId: string; afterId: number; limit: number; scope?: CorrectedScope },
): Promise<StoredSageTransaction[]> {
  const { rows } = await db.query<StoredSageTransaction>(
    `SELECT ${columns} FROM sage_transactions WHERE sage_account_id = $1 AND transaction_id > $2 AND ${inScope('$4')}
      ORDER BY transaction_id LIMIT $3`,
    [input.sageAccountId, input.afterId, input.limit, input.scope === 'all'],
  );
  return rows;
}

/** The same from the newest down: those with a smaller id than `beforeId`, or the newest of all. */
export async function listNewestTransactions(
  db: Queryable,
  input: { sageAccountId: string; beforeId?: number | undefined; limit: number; scope?: CorrectedScope },
): Promise<StoredSageTransaction[]> {
  const { rows } = await db.query<StoredSageTransaction>(
    `SELECT ${columns} FROM sage_transactions
      WHERE sage_account_id = $1 AND ($2::bigint IS NULL OR transaction_id < $2) AND ${inScope('$4')}
      ORDER BY transaction_id DESC LIMIT $3`,
    [input.sageAccountId, input.beforeId ?? null, input.limit, input.scope === 'all'],
  );
  return rows;
}

/** Those of the given ids that are stored, in the order of their ids. */
export async function readStoredTransactions(
  db: Queryable,
  input: { sageAccountId: string; transactionIds: readonly number[] },
): Promise<StoredSageTransaction[]> {
  const { rows } = await db.query<StoredSageTransaction>(
    `SELECT ${columns} FROM sage_transactions WHERE sage_account_id = $1 AND transaction_id = ANY ($2::bigint[])
      ORDER BY transaction_id`,
    [input.sageAccountId, input.transactionIds],
  );
  return rows;
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
