import type { Keyring } from '../../crypto/keyring.js';
import { openIfReadable, seal, type SealContext } from '../../crypto/seal.js';
import { shownEndOf } from '../../domain/account-number.js';
import {
  comparedFields,
  differenceEvents,
  differingFields,
  type ComparedField,
  type OwnAccount,
  type ShownAccount,
} from '../../domain/rutter/account-differences.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';

/** What Rutter answered of one account: its number is a secret. */
export interface AccountShown extends ShownAccount {
  readonly rutterAccountId: string;
}

/**
 * Compares what Rutter shows of accounts with our rows, and stores it with the feeds that are open. A difference is
 * written to the timeline once. Repeating it changes nothing, and most checks find nothing new and write nothing.
 */
export async function recordShownAccounts(
  pool: Pool,
  input: { keyring: Keyring; accounts: readonly AccountShown[] },
): Promise<void> {
  const shownById = new Map(input.accounts.map((account) => [account.rutterAccountId, account]));
  const stored = await readComparisons(pool, {
    where: 'f.rutter_account_id = ANY ($1)',
    values: [[...shownById.keys()]],
  });
  for (const row of stored) {
    const shown = shownById.get(row.rutter_account_id ?? '');
    if (shown === undefined || !isNew(input.keyring, row, shown)) continue;
    await writeComparison(pool, { keyring: input.keyring, feedId: row.feed_id, shown });
  }
}

/** Our account was changed: compares it with what Rutter showed of it last, feed by feed. */
export async function recordAccountChange(
  pool: Pool,
  input: { keyring: Keyring; accountId: string },
): Promise<void> {
  const stored = await readComparisons(pool, { where: 'f.account_id = $1', values: [input.accountId] });
  for (const row of stored) {
    if (!isNew(input.keyring, row, null)) continue;
    await writeComparison(pool, { keyring: input.keyring, feedId: row.feed_id, shown: null });
  }
}

interface ComparisonRow {
  feed_id: string;
  customer_id: string;
  connection_id: string;
  account_id: string;
  rutter_account_id: string | null;
  rutter_name: string | null;
  rutter_currency: string | null;
  rutter_number_sealed: string | null;
  account_differences: string[];
  name: string;
  currency: string;
  number_sealed: string | null;
  iban_sealed: string | null;
}

async function readComparisons(
  db: Queryable,
  input: { where: string; values: unknown[] },
): Promise<ComparisonRow[]> {
  const { rows } = await db.query<ComparisonRow>(
    `SELECT f.feed_id, f.customer_id, f.connection_id, f.account_id, f.rutter_account_id, f.rutter_name,
            f.rutter_currency, f.rutter_number_sealed, f.account_differences, a.name, a.currency, a.number_sealed,
            a.iban_sealed
       FROM feeds f JOIN accounts a USING (account_id) WHERE ${input.where} AND f.operator <> 'closed'
      ORDER BY f.feed_id`,
    input.values,
  );
  return rows;
}

/** Whether a comparison would change the row. `shown` null: Rutter shows what it showed last. */
function isNew(keyring: Keyring, row: ComparisonRow, shown: ShownAccount | null): boolean {
  const before = storedShown(keyring, row);
  const now = shown ?? before;
  const differing = differingFields(ownAccount(keyring, row), now);
  return (
    comparedFields.some((field) => before[field] !== now[field]) ||
    differing.join() !== row.account_differences.join()
  );
}

/** Under the feed's lock, with the account as it is now: two callers cannot write the same event twice. */
async function writeComparison(
  pool: Pool,
  input: { keyring: Keyring; feedId: string; shown: ShownAccount | null },
): Promise<void> {
  const { keyring, feedId } = input;
  await transaction(pool, async (db) => {
    await db.query(`SELECT 1 FROM feeds WHERE feed_id = $1 FOR UPDATE`, [feedId]);
    const [row] = await readComparisons(db, { where: 'f.feed_id = $1', values: [feedId] });
    if (row === undefined || !isNew(keyring, row, input.shown)) return;
    const before = storedShown(keyring, row);
    const shown = input.shown ?? before;
    const differing = differingFields(ownAccount(keyring, row), shown);
    await storeShown(db, { keyring, feedId, shown, differing });
    const { began, ended } = differenceEvents(
      { differing: row.account_differences, shown: before },
      { differing, shown },
    );
    await writeEvent(db, row, { kind: 'account_change_not_in_sage', fields: began });
    await writeEvent(db, row, { kind: 'account_as_in_sage_again', fields: ended });
  });
}

async function storeShown(
  db: Queryable,
  input: { keyring: Keyring; feedId: string; shown: ShownAccount; differing: readonly ComparedField[] },
): Promise<void> {
  const { feedId, shown } = input;
  const { number } = shown;
  await db.query(
    `UPDATE feeds SET rutter_name = $2, rutter_currency = $3, rutter_number_sealed = $4, rutter_number_last4 = $5,
            account_differences = $6, updated_at = now() WHERE feed_id = $1`,
    [
      feedId,
      shown.name,
      shown.currency,
      number === null ? null : seal(input.keyring, number, shownNumberContext(feedId)),
      number === null ? null : shownEndOf(number),
      input.differing,
    ],
  );
}

async function writeEvent(
  db: Queryable,
  row: ComparisonRow,
  event: { kind: string; fields: readonly ComparedField[] },
): Promise<void> {
  if (event.fields.length === 0) return;
  await writeTimeline(db, {
    kind: event.kind,
    customerId: row.customer_id,
    connectionId: row.connection_id,
    feedId: row.feed_id,
    detail: { account_id: row.account_id, fields: event.fields },
  });
}

function storedShown(keyring: Keyring, row: ComparisonRow): ShownAccount {
  const sealed = row.rutter_number_sealed;
  return {
    name: row.rutter_name,
    currency: row.rutter_currency,
    number: openKnown(keyring, sealed, shownNumberContext(row.feed_id)),
  };
}

function ownAccount(keyring: Keyring, row: ComparisonRow): OwnAccount {
  const context = { table: 'accounts', row: row.account_id };
  return {
    name: row.name,
    currency: row.currency,
    numbers: [
      openKnown(keyring, row.number_sealed, context),
      openKnown(keyring, row.iban_sealed, { ...context, column: 'iban' }),
    ].filter((number) => number !== null),
  };
}

/** A value that no key of the ring opens is not known: a comparison for display never stops a check. */
function openKnown(keyring: Keyring, sealed: string | null, context: SealContext): string | null {
  return sealed === null ? null : openIfReadable(keyring, sealed, context).text;
}

function shownNumberContext(feedId: string): SealContext {
  return { table: 'feeds', row: feedId, column: 'rutter_number' };
}
