import {
  cardFactNames,
  type AccountBalances,
  type CardFactName,
  type CardFacts,
} from '../domain/account-facts.js';
import type { AccountType } from '../domain/transaction-type.js';
import { accountDifferencesSql, type AccountDifference } from './account-differences-sql.js';
import type { Queryable } from './pool.js';

export type { AccountType };

/** One bank or card account of ours. Number and IBAN are sealed and not read here. */
export interface AccountRow {
  readonly accountId: string;
  readonly customerId: string;
  readonly name: string;
  readonly type: AccountType;
  /** ISO 4217. */
  readonly currency: string;
  readonly numberLast4: string | null;
  /** The number was given with some of its digits masked. */
  readonly numberMasked: boolean;
  readonly ibanLast4: string | null;
  readonly routingNumber: string | null;
  readonly sortCode: string | null;
  readonly lineOfBusiness: string | null;
  readonly parentAccountId: string | null;
  /** False: never offered to be shared. */
  readonly publishable: boolean;
  /** Calendar date, `YYYY-MM-DD`. */
  readonly openedOn: string | null;
  /** The last booking day that is sent; null while the account is open. */
  readonly closedOn: string | null;
  /** The account of the same customer that this one continues. */
  readonly replaces: string | null;
  /** IANA name; null: its customer's counts. */
  readonly timeZone: string | null;
  readonly customerTimeZone: string | null;
  readonly balances: AccountBalances | null;
  readonly cardFacts: CardFacts;
  /** Where its open feeds show something else than this row. */
  readonly differences: readonly AccountDifference[];
  readonly createdAt: string;
  readonly updatedAt: string;
}

type RawAccount = Readonly<Record<CardFactName, string | null>> & {
  account_id: string;
  customer_id: string;
  name: string;
  type: AccountType;
  currency: string;
  number_last4: string | null;
  number_masked: boolean;
  iban_last4: string | null;
  routing_number: string | null;
  sort_code: string | null;
  line_of_business: string | null;
  parent_account_id: string | null;
  publishable: boolean;
  opened_on: string | null;
  closed_on: string | null;
  replaces: string | null;
  time_zone: string | null;
  customer_time_zone: string | null;
  balance_available: string | null;
  balance_current: string | null;
  balances_as_of: string | null;
  differences: AccountDifference[];
  created_at: string;
  updated_at: string;
};

/** What its open feeds show of it at the provider, where that differs. */
const differences = `(
  SELECT coalesce(jsonb_agg(each ORDER BY f.feed_id), '[]')
    FROM feeds f CROSS JOIN LATERAL jsonb_array_elements(${accountDifferencesSql('f')}) AS each
   WHERE f.account_id = accounts.account_id AND f.operator <> 'closed')`;

const columns = `account_id, customer_id, name, type, currency, number_last4, number_masked, iban_last4, routing_number,
  sort_code, line_of_business, parent_account_id, publishable, opened_on, closed_on, replaces, time_zone,
  (SELECT c.time_zone FROM customers c WHERE c.customer_id = accounts.customer_id) AS customer_time_zone, balance_available, balance_current,
  balances_as_of, ${cardFactNames.join(', ')}, ${differences} AS differences, created_at, updated_at`;

function accountFrom(raw: RawAccount): AccountRow {
  return {
    accountId: raw.account_id,
    customerId: raw.customer_id,
    name: raw.name,
    type: raw.type,
    currency: raw.currency,
    numberLast4: raw.number_last4,
    numberMasked: raw.number_masked,
    ibanLast4: raw.iban_last4,
    routingNumber: raw.routing_number,
    sortCode: raw.sort_code,
    lineOfBusiness: raw.line_of_business,
    parentAccountId: raw.parent_account_id,
    publishable: raw.publishable,
    openedOn: raw.opened_on,
    closedOn: raw.closed_on,
    replaces: raw.replaces,
    timeZone: raw.time_zone,
    customerTimeZone: raw.customer_time_zone,
    balances: balancesFrom(raw),
    cardFacts: Object.fromEntries(cardFactNames.map((name) => [name, raw[name]])) as CardFacts,
    differences: raw.differences,
    createdAt: raw.created_at,
    updatedAt: raw.updated_at,
  };
}

function balancesFrom(raw: RawAccount): AccountBalances | null {
  if (raw.balances_as_of === null) return null;
  return { available: raw.balance_available, current: raw.balance_current, asOf: raw.balances_as_of };
}

/** The account, or null when there is none. */
export async function readAccount(db: Queryable, input: { accountId: string }): Promise<AccountRow | null> {
  const { rows } = await db.query<RawAccount>(`SELECT ${columns} FROM accounts WHERE account_id = $1`, [
    input.accountId,
  ]);
  return rows[0] === undefined ? null : accountFrom(rows[0]);
}

/** Up to `limit` of a customer's accounts by name: publishable, in `currencies`, not closed on or before `closedUntil`. */
export async function listPublishableAccounts(
  db: Queryable,
  input: { customerId: string; currencies: readonly string[]; closedUntil: string; limit: number },
): Promise<AccountRow[]> {
  const { rows } = await db.query<RawAccount>(
    `SELECT ${columns} FROM accounts
      WHERE customer_id = $1 AND publishable AND currency = ANY ($2) AND (closed_on IS NULL OR closed_on > $3)
      ORDER BY name, account_id LIMIT $4`,
    [input.customerId, input.currencies, input.closedUntil, input.limit],
  );
  return rows.map(accountFrom);
}

/** Names of those of the given accounts that are this customer's, in order. */
export async function listAccountNames(
  db: Queryable,
  input: { customerId: string; accountIds: readonly string[] },
): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT name FROM accounts WHERE customer_id = $1 AND account_id = ANY ($2) ORDER BY name, account_id`,
    // PostgreSQL stores no NUL in a text, so no account has such an id.
    [input.customerId, input.accountIds.filter((id) => !id.includes('\0'))],
  );
  return rows.map(({ name }) => name);
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
