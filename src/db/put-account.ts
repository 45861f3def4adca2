import { cardFactNames, type CardFacts } from '../domain/account-facts.js';
import { storeBalances, type GivenBalances } from './account-balances.js';
import { readAccount, type AccountRow, type AccountType } from './accounts.js';
import {
  findPredecessorProblem,
  hasFeedClosedWithAccount,
  lockLife,
  recordLife,
  type PredecessorProblem,
} from './account-life.js';
import { transaction, type Pool, type Queryable } from './pool.js';

export interface SealedNumber {
  readonly sealed: string;
  readonly last4: string;
}

export interface PutAccountInput {
  readonly accountId: string;
  readonly customerId: string;
  readonly name: string;
  readonly type: AccountType;
  readonly currency: string;
  readonly number: (SealedNumber & { readonly masked: boolean }) | null;
  readonly iban: SealedNumber | null;
  readonly routingNumber: string | null;
  readonly sortCode: string | null;
  readonly lineOfBusiness: string | null;
  readonly parentAccountId: string | null;
  readonly publishable: boolean;
  readonly openedOn: string | null;
  readonly closedOn: string | null;
  readonly replaces: string | null;
  readonly timeZone: string | null;
  readonly cardFacts: CardFacts;
  /** Null: those that are stored stay. */
  readonly balances: GivenBalances | null;
  /** False: no provider of this installation takes accounts of this currency. */
  readonly currencyCanBePublished: boolean;
}

export type PutAccountResult =
  | {
      readonly kind: 'created' | 'updated';
      readonly account: AccountRow;
      /**
       * Its feeds are to be notified: it was closed, opened again, or names another account that it replaces; or a feed
       * is still closed since the call that opened it again died before its signal.
       */
      readonly lifeChanged: boolean;
    }
  | { readonly kind: 'unknown_customer' }
  /** The id is unique in the installation and belongs to another customer. */
  | { readonly kind: 'other_customer' }
  /** Postings were stored or the account was published: what they were counted in cannot change. */
  | { readonly kind: 'immutable'; readonly field: 'currency' | 'type' }
  /** It cannot continue the account that it names. */
  | { readonly kind: 'bad_predecessor'; readonly problem: PredecessorProblem }
  /** A new or changed account could never be published, and does not say that it shall not be. */
  | { readonly kind: 'unpublishable_currency' };

type Refusal = Exclude<PutAccountResult, { readonly account: AccountRow }>;

/**
 * Creates the account or replaces its fields: what is not given again is removed, but for the balances. An account that
 * was stored before with a currency that cannot be published keeps it.
 */
export async function putAccount(pool: Pool, input: PutAccountInput): Promise<PutAccountResult> {
  return await transaction(pool, async (db) => {
    const customer = await db.query(`SELECT 1 FROM customers WHERE customer_id = $1 FOR KEY SHARE`, [
      input.customerId,
    ]);
    if (customer.rowCount !== 1) return { kind: 'unknown_customer' as const };
    const { replaces } = input;
    const problem = replaces === null ? null : await findPredecessorProblem(db, { ...input, replaces });
    if (problem !== null) return { kind: 'bad_predecessor' as const, problem };
    const before = await lockLife(db, input);
    const kind = await writeAccount(db, input);
    if (kind !== 'created' && kind !== 'updated') return kind;
    const isNew = await recordLife(db, { ...input, before, after: input });
    const lifeChanged = isNew || (input.closedOn === null && (await hasFeedClosedWithAccount(db, input)));
    const { accountId, balances } = input;
    if (balances !== null) await storeBalances(db, { accountId, balances });
    const account = await readAccount(db, input);
    if (account === null) throw new Error('the account was not stored');
    return { kind, account, lifeChanged };
  });
}

async function writeAccount(db: Queryable, input: PutAccountInput): Promise<'created' | 'updated' | Refusal> {
  const stored = await lockAccount(db, input);
  if (stored === null) {
    if (!input.currencyCanBePublished && input.publishable) return { kind: 'unpublishable_currency' };
    if (await insertAccount(db, input)) return 'created';
  }
  // Another call may have created it meanwhile.
  const before = stored ?? (await lockAccount(db, input));
  if (before === null) throw new Error('the account vanished');
  const refusal = updateRefusal(before, input);
  if (refusal !== null) return refusal;
  await updateAccount(db, input);
  return 'updated';
}

/** The columns that a caller replaces, with their values; the ids come first. */
function columnsOf(input: PutAccountInput): [column: string, value: unknown][] {
  return [
    ['account_id', input.accountId],
    ['customer_id', input.customerId],
    ['name', input.name],
    ['type', input.type],
    ['currency', input.currency],
    ['number_sealed', input.number?.sealed ?? null],
    ['number_last4', input.number?.last4 ?? null],
    ['number_masked', input.number?.masked ?? false],
    ['iban_sealed', input.iban?.sealed ?? null],
    ['iban_last4', input.iban?.last4 ?? null],
    ['routing_number', input.routingNumber],
    ['sort_code', input.sortCode],
    ['line_of_business', input.lineOfBusiness],
    ['parent_account_id', input.parentAccountId],
    ['publishable', input.publishable],
    ['opened_on', input.openedOn],
    ['closed_on', input.closedOn],
    ['replaces', input.replaces],
    ['time_zone', input.timeZone],
    ...cardFactNames.map((name): [string, unknown] => [name, input.cardFacts[name]]),
  ];
}

/** False: the id is taken. */
async function insertAccount(db: Queryable, input: PutAccountInput): Promise<boolean> {
  const columns = columnsOf(input);
  const { rowCount } = await db.query(
    `INSERT INTO accounts (${columns.map(([name]) => name).join(', ')})
     VALUES (${columns.map((_column, index) => `$${String(index + 1)}`).join(', ')})
     ON CONFLICT (account_id) DO NOTHING`,
    columns.map(([, value]) => value),
  );
  return rowCount === 1;
}

async function updateAccount(db: Queryable, input: PutAccountInput): Promise<void> {
  const columns = columnsOf(input);
  const changes = columns.map(([name], index) => `${name} = $${String(index + 1)}`).slice(2);
  // Balances in another currency would be other amounts.
  const currency = `$${String(columns.findIndex(([name]) => name === 'currency') + 1)}`;
  const kept = ['balance_available', 'balance_current', 'balances_as_of'].map(
    (name) => `${name} = CASE WHEN currency = ${currency} THEN ${name} END`,
  );
  await db.query(
    `UPDATE accounts SET ${[...changes, ...kept].join(', ')}, updated_at = now()
      WHERE account_id = $1 AND customer_id = $2`,
    columns.map(([, value]) => value),
  );
}

interface StoredAccount {
  customer_id: string;
  type: AccountType;
  currency: string;
  publishable: boolean;
  in_use: boolean;
}

/** Locks the account, so that no posting arrives between the check and the change. Null: there is none. */
async function lockAccount(db: Queryable, input: { accountId: string }): Promise<StoredAccount | null> {
  const { rows } = await db.query<StoredAccount>(
    `SELECT customer_id, type, currency, publishable,
            last_sequence > 0 OR EXISTS (SELECT 1 FROM feeds f WHERE f.account_id = accounts.account_id) AS in_use
       FROM accounts WHERE account_id = $1 FOR UPDATE`,
    [input.accountId],
  );
  return rows[0] ?? null;
}

function updateRefusal(stored: StoredAccount, input: PutAccountInput): Refusal | null {
  if (stored.customer_id !== input.customerId) return { kind: 'other_customer' };
  if (stored.in_use && stored.currency !== input.currency) return { kind: 'immutable', field: 'currency' };
  if (stored.in_use && stored.type !== input.type) return { kind: 'immutable', field: 'type' };
  const isAsBefore = stored.currency === input.currency && stored.publishable;
  const isUnpublishable = !input.currencyCanBePublished && input.publishable && !isAsBefore;
  return isUnpublishable ? { kind: 'unpublishable_currency' } : null;
}
