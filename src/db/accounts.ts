import { transaction, type Pool, type Queryable } from './pool.js';

export type AccountType = 'bank' | 'credit_card';

/** One bank or card account of ours. Its number is sealed for `{table: 'accounts', row: accountId}` and not read here. */
export interface AccountRow {
  readonly accountId: string;
  readonly customerId: string;
  readonly name: string;
  readonly type: AccountType;
  /** ISO 4217. */
  readonly currency: string;
  readonly numberLast4: string | null;
  /** Calendar date, `YYYY-MM-DD`. */
  readonly openedOn: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

interface RawAccount {
  account_id: string;
  customer_id: string;
  name: string;
  type: AccountType;
  currency: string;
  number_last4: string | null;
  opened_on: string | null;
  created_at: string;
  updated_at: string;
}

const columns =
  'account_id, customer_id, name, type, currency, number_last4, opened_on, created_at, updated_at';
/** A business has a handful of accounts; a list never shows more than this. */
const listedAccountsMax = 1_000;

function accountFrom(raw: RawAccount): AccountRow {
  return {
    accountId: raw.account_id,
    customerId: raw.customer_id,
    name: raw.name,
    type: raw.type,
    currency: raw.currency,
    numberLast4: raw.number_last4,
    openedOn: raw.opened_on,
    createdAt: raw.created_at,
    updatedAt: raw.updated_at,
  };
}

/** The account, or null when there is none. */
export async function readAccount(db: Queryable, input: { accountId: string }): Promise<AccountRow | null> {
  const { rows } = await db.query<RawAccount>(`SELECT ${columns} FROM accounts WHERE account_id = $1`, [
    input.accountId,
  ]);
  return rows[0] === undefined ? null : accountFrom(rows[0]);
}

/** A customer's accounts by name. */
export async function listAccountsOfCustomer(
  db: Queryable,
  input: { customerId: string },
): Promise<AccountRow[]> {
  const { rows } = await db.query<RawAccount>(
    `SELECT ${columns} FROM accounts WHERE customer_id = $1 ORDER BY name, account_id LIMIT ${listedAccountsMax}`,
    [input.customerId],
  );
  return rows.map(accountFrom);
}

/** Up to `limit` of a customer's accounts after the account `afterAccountId`, in the order of their ids. */
export async function listAccounts(
  db: Queryable,
  input: { customerId: string; afterAccountId?: string | undefined; limit: number },
): Promise<AccountRow[]> {
  const { rows } = await db.query<RawAccount>(
    `SELECT ${columns} FROM accounts WHERE customer_id = $1 AND ($2::text IS NULL OR account_id > $2)
      ORDER BY account_id LIMIT $3`,
    [input.customerId, input.afterAccountId ?? null, input.limit],
  );
  return rows.map(accountFrom);
}

export interface PutAccountInput {
  readonly accountId: string;
  readonly customerId: string;
  readonly name: string;
  readonly type: AccountType;
  readonly currency: string;
  readonly number: { readonly sealed: string; readonly last4: string } | null;
  readonly openedOn: string | null;
}

export type PutAccountResult =
  | { readonly kind: 'created' | 'updated'; readonly account: AccountRow }
  | { readonly kind: 'unknown_customer' }
  /** The id is unique in the installation and belongs to another customer. */
  | { readonly kind: 'other_customer' }
  /** Postings were stored or the account was published: what they were counted in cannot change. */
  | { readonly kind: 'immutable'; readonly field: 'currency' | 'type' };

/** Creates the account or replaces its fields. A number that is not given again is removed. */
export async function putAccount(pool: Pool, input: PutAccountInput): Promise<PutAccountResult> {
  return await transaction(pool, async (db) => {
    const customer = await db.query(`SELECT 1 FROM customers WHERE customer_id = $1 FOR KEY SHARE`, [
      input.customerId,
    ]);
    if (customer.rowCount !== 1) return { kind: 'unknown_customer' as const };
    const inserted = await db.query<RawAccount>(
      `INSERT INTO accounts (account_id, customer_id, name, type, currency, number_sealed, number_last4, opened_on)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account_id) DO NOTHING RETURNING ${columns}`,
      valuesOf(input),
    );
    if (inserted.rows[0] !== undefined) {
      return { kind: 'created' as const, account: accountFrom(inserted.rows[0]) };
    }
    const refusal = await updateRefusal(db, input);
    if (refusal !== null) return refusal;
    const updated = await db.query<RawAccount>(
      `UPDATE accounts SET name = $3, type = $4, currency = $5, number_sealed = $6, number_last4 = $7, opened_on = $8,
              updated_at = now()
        WHERE account_id = $1 AND customer_id = $2 RETURNING ${columns}`,
      valuesOf(input),
    );
    const row = updated.rows[0];
    if (row === undefined) throw new Error('the account was not stored');
    return { kind: 'updated' as const, account: accountFrom(row) };
  });
}

/** Locks the account, so that no posting arrives between the check and the change. */
async function updateRefusal(db: Queryable, input: PutAccountInput): Promise<PutAccountResult | null> {
  const { rows } = await db.query<{
    customer_id: string;
    type: AccountType;
    currency: string;
    in_use: boolean;
  }>(
    `SELECT customer_id, type, currency,
            last_sequence > 0 OR EXISTS (SELECT 1 FROM feeds f WHERE f.account_id = accounts.account_id) AS in_use
       FROM accounts WHERE account_id = $1 FOR UPDATE`,
    [input.accountId],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('the account vanished');
  if (row.customer_id !== input.customerId) return { kind: 'other_customer' };
  if (row.in_use && row.currency !== input.currency) return { kind: 'immutable', field: 'currency' };
  if (row.in_use && row.type !== input.type) return { kind: 'immutable', field: 'type' };
  return null;
}

function valuesOf(input: PutAccountInput): unknown[] {
  return [
    input.accountId,
    input.customerId,
    input.name,
    input.type,
    input.currency,
    input.number?.sealed ?? null,
    input.number?.last4 ?? null,
    input.openedOn,
  ];
}
