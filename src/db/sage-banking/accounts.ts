import type { SageAccountStatus } from '../../domain/sage-banking/states.js';
import type { Queryable } from '../pool.js';
import { storableJson, storableText, storableTextOrNull } from '../storable-json.js';
import { writeTimeline } from '../timeline.js';

/** One bank account at Sage's Banking Service for its whole life; its id is the feed's. Instants are ISO text in UTC. */
export interface SageAccountRow {
  readonly sageAccountId: string;
  readonly customerId: string;
  /** The company. */
  readonly connectionId: string;
  readonly bankAccountId: string;
  readonly bankId: string;
  readonly bankName: string;
  readonly dataProvider: 'indirect' | 'direct';
  readonly name: string;
  readonly numberLast4: string | null;
  readonly identityHash: string;
  readonly currency: string | null;
  readonly status: SageAccountStatus;
  readonly statusReason: string | null;
  readonly statusSince: string;
  readonly requestedStartDate: string | null;
  /** The account that this one replaces; Sage has cancelled it, even if our row does not show it yet. */
  readonly predecessorId: string | null;
  /** How customers of a direct bank authorise, in Sage's own members. */
  readonly authorisationMechanism: Readonly<Record<string, unknown>> | null;
  /** What Sage returns for this account's own authorisation while it is awaited; see `sageAuthorisationOf`. */
  readonly authorisationSealed: string | null;
  /** The cursor: every transaction up to it is stored. 0: none. */
  readonly lastTransactionId: number;
  /** Transactions stored, corrected ones included. */
  readonly received: number;
  /** Of these, those that are not in force: replaced or removed by a correction, and the removals themselves. */
  readonly receivedCorrected: number;
  /** Of these, those with a member that is not of its documented type. */
  readonly receivedUnrecognized: number;
  readonly balances: SageBalances | null;
  readonly cancelRequestedAt: string | null;
  /** By the database's clock. */
  readonly cancelAskedAgoMs: number | null;
  readonly reason: string | null;
  readonly reasonDetail: string | null;
  readonly reasonAt: string | null;
  readonly degradedSince: string | null;
  readonly degradedCause: string | null;
  readonly nextAttemptAt: string | null;
  readonly lastReadAt: string | null;
  readonly nextReadAt: string | null;
  readonly cancelledAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** What the provider last reported to Sage of an account: decimal text, and days or instants as Sage writes them. */
export interface SageBalances {
  readonly ledger: string | null;
  readonly ledgerDate: string | null;
  readonly available: string | null;
  readonly availableDate: string | null;
  /** When Sage last answered with one of them. */
  readonly readAt: string;
}

type RawAccount = Omit<
  SageAccountRow,
  'lastTransactionId' | 'received' | 'receivedCorrected' | 'receivedUnrecognized' | 'balances'
> & {
  readonly lastTransactionId: string;
  readonly received: string;
  readonly receivedCorrected: string;
  readonly receivedUnrecognized: string;
  readonly ledgerBalance: string | null;
  readonly ledgerBalanceDate: string | null;
  readonly availableBalance: string | null;
  readonly availableBalanceDate: string | null;
  readonly balancesAt: string | null;
};

const columns = `sage_account_id AS "sageAccountId", customer_id AS "customerId", connection_id AS "connectionId",
  bank_account_id AS "bankAccountId", bank_id AS "bankId", bank_name AS "bankName", data_provider AS "dataProvider",
  name, number_last4 AS "numberLast4", identity_hash AS "identityHash", currency, status,
  status_reason AS "statusReason", status_since AS "statusSince", requested_start_date AS "requestedStartDate",
  predecessor_id AS "predecessorId", authorisation_mechanism AS "authorisationMechanism",
  authorisation_sealed AS "authorisationSealed", last_transaction_id AS "lastTransactionId", received,
  received_corrected AS "receivedCorrected", received_unrecognized AS "receivedUnrecognized",
  ledger_balance AS "ledgerBalance", ledger_balance_date AS "ledgerBalanceDate",
  available_balance AS "availableBalance", available_balance_date AS "availableBalanceDate", balances_at AS "balancesAt",
  cancel_requested_at AS "cancelRequestedAt",
  (extract(epoch FROM clock_timestamp() - cancel_requested_at) * 1000)::float8 AS "cancelAskedAgoMs", reason, reason_detail AS "reasonDetail", reason_at AS "reasonAt",
  degraded_since AS "degradedSince", degraded_cause AS "degradedCause", next_attempt_at AS "nextAttemptAt",
  last_read_at AS "lastReadAt", next_read_at AS "nextReadAt", cancelled_at AS "cancelledAt",
  created_at AS "createdAt", updated_at AS "updatedAt"`;

/** A company has a handful of accounts, over the years some tens; a list never shows more than this. */
const listedAccountsMax = 500;

/** Sage's ids are whole numbers that JSON carries, so they fit a number. */
function accountFrom(raw: RawAccount): SageAccountRow {
  const { ledgerBalance, ledgerBalanceDate, availableBalance, availableBalanceDate, balancesAt, ...row } =
    raw;
  return {
    ...row,
    balances:
      balancesAt === null
        ? null
        : {
            ledger: ledgerBalance,
            ledgerDate: ledgerBalanceDate,
            available: availableBalance,
            availableDate: availableBalanceDate,
            readAt: balancesAt,
          },
    lastTransactionId: Number(raw.lastTransactionId),
    received: Number(raw.received),
    receivedCorrected: Number(raw.receivedCorrected),
    receivedUnrecognized: Number(raw.receivedUnrecognized),
  };
}

/** The account, or null when there is none. */
export async function readSageAccount(
  db: Queryable,
  input: { sageAccountId: string },
): Promise<SageAccountRow | null> {
  const { rows } = await db.query<RawAccount>(
    `SELECT ${columns} FROM sage_accounts WHERE sage_account_id = $1`,
    [input.sageAccountId],
  );
  return rows[0] === undefined ? null : accountFrom(rows[0]);
}

/** The account, locked until the transaction ends; null when there is none. */
export async function lockSageAccount(
  db: Queryable,
  input: { sageAccountId: string },
): Promise<SageAccountRow | null> {
  const { rows } = await db.query<RawAccount>(
    `SELECT ${columns} FROM sage_accounts WHERE sage_account_id = $1 FOR UPDATE`,
    [input.sageAccountId],
  );
  return rows[0] === undefined ? null : accountFrom(rows[0]);
}

/** The account by its id at Sage, or null when we have none. */
export async function readSageAccountByBankAccount(
  db: Queryable,
  input: { connectionId: string; bankAccountId: string },
): Promise<SageAccountRow | null> {
  const { rows } = await db.query<RawAccount>(
    `SELECT ${columns} FROM sage_accounts WHERE connection_id = $1 AND bank_account_id = $2`,
    [input.connectionId, input.bankAccountId],
  );
  return rows[0] === undefined ? null : accountFrom(rows[0]);
}

/** A customer's accounts, cancelled ones too, oldest first. */
export async function listSageAccountsOfCustomer(
  db: Queryable,
  input: { customerId: string },
): Promise<SageAccountRow[]> {
  const { rows } = await db.query<RawAccount>(
    `SELECT ${columns} FROM sage_accounts WHERE customer_id = $1
      ORDER BY created_at, sage_account_id LIMIT ${listedAccountsMax}`,
    [input.customerId],
  );
  return rows.map(accountFrom);
}

/** A company's accounts, cancelled ones too, oldest first. */
export async function listSageAccountsOfConnection(
  db: Queryable,
  input: { connectionId: string },
): Promise<SageAccountRow[]> {
  const { rows } = await db.query<RawAccount>(
    `SELECT ${columns} FROM sage_accounts WHERE connection_id = $1
      ORDER BY created_at, sage_account_id LIMIT ${listedAccountsMax}`,
    [input.connectionId],
  );
  return rows.map(accountFrom);
}

/** What is stored of an account as soon as Sage has reported it. */
export type NewSageAccount = Pick<
  SageAccountRow,
  | 'sageAccountId'
  | 'customerId'
  | 'connectionId'
  | 'bankAccountId'
  | 'bankId'
  | 'bankName'
  | 'dataProvider'
  | 'name'
  | 'numberLast4'
  | 'identityHash'
  | 'currency'
  | 'status'
  | 'requestedStartDate'
  | 'authorisationMechanism'
  | 'authorisationSealed'
>;

/**
 * Stores an account of Sage's, with its timeline row and, as its predecessor, the customer's latest other account of the
 * same identity in the company. That need not be cancelled in our row: Sage makes no second one while the first lives
 * (contract 6.2), so the row is only behind. One that is stored already is returned unchanged. Call it in a transaction.
 */
export async function insertSageAccount(
  db: Queryable,
  input: NewSageAccount,
): Promise<{ account: SageAccountRow; created: boolean }> {
  const { rows } = await db.query<RawAccount>(
    `INSERT INTO sage_accounts
       (sage_account_id, customer_id, connection_id, bank_account_id, bank_id, bank_name, data_provider, name,
        number_last4, identity_hash, currency, status, requested_start_date, authorisation_mechanism,
        authorisation_sealed, predecessor_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
             (SELECT p.sage_account_id FROM sage_accounts p
               WHERE p.customer_id = $2 AND p.connection_id = $3 AND p.identity_hash = $10
                 AND p.bank_account_id <> $4
               ORDER BY p.created_at DESC LIMIT 1))
     ON CONFLICT (connection_id, bank_account_id) DO NOTHING RETURNING ${columns}`,
    [
      input.sageAccountId,
      input.customerId,
      input.connectionId,
      input.bankAccountId,
      input.bankId,
      storableText(input.bankName),
      input.dataProvider,
      storableText(input.name),
      storableTextOrNull(input.numberLast4),
      input.identityHash,
      storableTextOrNull(input.currency),
      input.status,
      input.requestedStartDate,
      input.authorisationMechanism === null ? null : storableJson(input.authorisationMechanism),
      input.authorisationSealed,
    ],
  );
  if (rows[0] === undefined) {
    const found = await readSageAccountByBankAccount(db, input);
    if (found === null) throw new Error('an account vanished while it was stored');
    return { account: found, created: false };
  }
  const account = accountFrom(rows[0]);
  const { predecessorId, status } = account;
  await writeTimeline(db, {
    ...whereOf(account),
    kind: 'sage_account_linked',
    detail: {
      bank_id: account.bankId,
      data_provider: account.dataProvider,
      status,
      predecessor_id: predecessorId,
    },
  });
  return { account, created: true };
}

/** The feed, customer and connection of an account's timeline rows. */
export function whereOf(account: Pick<SageAccountRow, 'sageAccountId' | 'customerId' | 'connectionId'>): {
  feedId: string;
  customerId: string;
  connectionId: string;
} {
  const { sageAccountId, customerId, connectionId } = account;
  return { feedId: sageAccountId, customerId, connectionId };
}
