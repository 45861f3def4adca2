import { readAccount, type AccountRow } from './accounts.js';
import { transaction, type Pool, type Queryable } from './pool.js';
import { lockFeedsOfAccount } from './posting-use.js';
import { writeTimeline } from './timeline.js';

/** Closing an account, opening it again, and naming the account that it continues. */

/** What of an account changes in its life. */
interface Life {
  readonly closedOn: string | null;
  readonly replaces: string | null;
}

interface StoredLife extends Life {
  readonly customerId: string;
  /** The zone of the account, else of its customer. */
  readonly timeZone: string | null;
}

async function readLife(db: Queryable, input: { accountId: string }): Promise<StoredLife | null> {
  const { rows } = await db.query<StoredLife>(
    `SELECT a.customer_id AS "customerId", a.closed_on AS "closedOn", a.replaces,
            coalesce(a.time_zone, c.time_zone) AS "timeZone"
       FROM accounts a JOIN customers c USING (customer_id) WHERE a.account_id = $1`,
    [input.accountId],
  );
  return rows[0] ?? null;
}

/**
 * The life of an account before a change, read under the locks that the change needs. Feeds come before accounts in the
 * order of locks; call it before the account's row is locked. Null for a new account.
 */
export async function lockLife(db: Queryable, input: { accountId: string }): Promise<StoredLife | null> {
  await lockFeedsOfAccount(db, input);
  await db.query(`SELECT 1 FROM accounts WHERE account_id = $1 FOR UPDATE`, [input.accountId]);
  return await readLife(db, input);
}

/**
 * Records a change of the life in the customer's timeline. Postings that were too late before and are not any more may
 * lie before the cursors of the feeds, where only what was never examined is looked for: all is examined again. Answers
 * whether anything changed.
 */
export async function recordLife(
  db: Queryable,
  input: { accountId: string; customerId: string; before: Life | null; after: Life },
): Promise<boolean> {
  const { accountId, customerId, before, after } = input;
  const report = (kind: string, detail: Readonly<Record<string, unknown>>) =>
    writeTimeline(db, { kind, customerId, detail: { account_id: accountId, ...detail } });
  const closedBefore = before?.closedOn ?? null;
  if (after.closedOn !== closedBefore) {
    if (after.closedOn === null) await report('account_opened_again', {});
    else await report('account_closed', { closed_on: after.closedOn });
    if (closedBefore !== null && (after.closedOn === null || after.closedOn > closedBefore)) {
      await db.query(`UPDATE feeds SET examined_sequence = 0 WHERE account_id = $1`, [accountId]);
    }
  }
  const replacedBefore = before?.replaces ?? null;
  if (after.replaces !== replacedBefore) await report('account_replaces', { replaces: after.replaces });
  return after.closedOn !== closedBefore || after.replaces !== replacedBefore;
}

/** Whether a feed of the account is closed because the account was. */
export async function hasFeedClosedWithAccount(
  db: Queryable,
  input: { accountId: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT 1 FROM feeds WHERE account_id = $1 AND closed_by = 'account' LIMIT 1`,
    [input.accountId],
  );
  return rowCount === 1;
}

/**
 * Closes the account on the day that `todayIn` answers for its zone. An account that was closed before keeps its day, one
 * that was to be closed later is closed now. Null: there is none, or it is another customer's.
 */
export async function closeAccount(
  pool: Pool,
  input: {
    readonly accountId: string;
    readonly customerId?: string | undefined;
    readonly todayIn: (timeZone: string | null) => string;
  },
): Promise<AccountRow | null> {
  const { accountId } = input;
  return await transaction(pool, async (db) => {
    const before = await lockLife(db, { accountId });
    if (before === null || (input.customerId ?? before.customerId) !== before.customerId) return null;
    const today = input.todayIn(before.timeZone);
    if (before.closedOn === null || before.closedOn > today) {
      await db.query(`UPDATE accounts SET closed_on = $2, updated_at = now() WHERE account_id = $1`, [
        accountId,
        today,
      ]);
      const after = { closedOn: today, replaces: before.replaces };
      await recordLife(db, { accountId, customerId: before.customerId, before, after });
    }
    return await readAccount(db, { accountId });
  });
}

/** Why an account cannot continue another one. */
export type PredecessorProblem = 'itself' | 'unknown' | 'cycle';

/**
 * Whether an account may name `replaces` as the one that it continues: another one of the same customer, that does not
 * itself continue this one, also through others. Locks the customer, so that two accounts cannot name each other at once.
 */
export async function findPredecessorProblem(
  db: Queryable,
  input: { readonly accountId: string; readonly customerId: string; readonly replaces: string },
): Promise<PredecessorProblem | null> {
  const { accountId, customerId, replaces } = input;
  if (replaces === accountId) return 'itself';
  await db.query(`SELECT 1 FROM customers WHERE customer_id = $1 FOR NO KEY UPDATE`, [customerId]);
  const { rows } = await db.query<{ account_id: string; customer_id: string }>(
    `WITH RECURSIVE chain (account_id, customer_id, replaces) AS (
       SELECT account_id, customer_id, replaces FROM accounts WHERE account_id = $1
       UNION
       SELECT a.account_id, a.customer_id, a.replaces FROM chain JOIN accounts a ON a.account_id = chain.replaces
     )
     SELECT account_id, customer_id FROM chain`,
    [replaces],
  );
  const named = rows.find((row) => row.account_id === replaces);
  if (named?.customer_id !== customerId) return 'unknown';
  return rows.some((row) => row.account_id === accountId) ? 'cycle' : null;
}
