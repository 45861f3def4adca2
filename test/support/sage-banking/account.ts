import { randomBytes, randomUUID } from 'node:crypto';
import { harbourBank } from '../../../sandbox/sage-banking/seed-banks.js';
import type { SageBankingClient, SageCompanyAccess } from '../../../src/clients/sage-banking/client.js';
import { sha256Hex } from '../../../src/crypto/hash.js';
import { transaction } from '../../../src/db/pool.js';
import { insertSageAccount, readSageAccount } from '../../../src/db/sage-banking/accounts.js';
import { insertSageCompany, sealSageSigningKey } from '../../../src/db/sage-banking/companies.js';
import { storePage } from '../../../src/db/sage-banking/transactions.js';
import type { SageFixture } from './fixture.js';

/** The parts of a {@link SageFixture} that creating accounts needs. */
export interface AccountFixture extends Pick<SageFixture, 'pool' | 'keyring' | 'control'> {
  makeCustomer(): Promise<{ customerId: string }>;
  readonly deps: { readonly sage: { readonly client: SageBankingClient } | null };
}

/** A customer's company at Sage, with its row. */
export interface SageTestCompany {
  readonly customerId: string;
  readonly connectionId: string;
  readonly access: SageCompanyAccess;
}

/** An account of that company, with its row; `sageAccountId` is ours, `bankAccountId` Sage's. */
export interface SageTestAccount extends SageTestCompany {
  readonly sageAccountId: string;
  readonly bankAccountId: string;
}

/** The account at the bank and the customer who signs in there. */
export interface BankLogin {
  readonly bankId: string;
  readonly username: string;
  readonly accountName: string;
}

/** A transaction as its provider reports it; the sandbox fills in missing fields. */
export type StatementLine = { readonly transactionAmount: number } & Readonly<Record<string, unknown>>;

export const testStartDate = '2024-01-01T00:00:00Z';
/** The sandbox's own limit of a statement (contract 12.4). */
const statementLinesMax = 1_000;
/** Pages of a test account; more is a loop. */
const pagesMax = 2_000;

/**
 * An organisation with its company at Sage and the company's row, as an onboarding would leave them, without its
 * workflow.
 */
export async function makeSageCompany(
  fixture: AccountFixture,
  input: { customerId?: string } = {},
): Promise<SageTestCompany> {
  const customerId = input.customerId ?? (await fixture.makeCustomer()).customerId;
  const access = await clientOf(fixture).createOrganisation({
    organisation: { company: { name: 'Northgate Trading' } },
  });
  const connectionId = randomUUID();
  await insertSageCompany(fixture.pool, {
    connectionId,
    customerId,
    onboardingId: null,
    name: 'Northgate Trading',
    organisationId: access.organisationId,
    companyId: access.companyId,
    signingKeySealed: sealSageSigningKey(fixture.keyring, { connectionId, signingKey: access.signingKey }),
  });
  return { customerId, connectionId, access };
}

/**
 * An account of an indirect bank, linked at Sage, with its row and, when transactions are given, a first statement that
 * is read and stored. No workflow runs for it: `fixture.deps.sage.workflows.wakeAccount` starts one. Without `company`
 * a new company is made, without `at` a new customer of Harbour Bank with one account.
 */
export async function makeSageAccount(
  fixture: AccountFixture,
  input: {
    customerId?: string;
    company?: SageTestCompany;
    at?: BankLogin;
    startDate?: string;
    transactions?: readonly StatementLine[];
  } = {},
): Promise<SageTestAccount> {
  const company = input.company ?? (await makeSageCompany(fixture, input));
  const at = input.at ?? (await makeBankCustomer(fixture));
  const linked = await linkAtBank(fixture, company, at);
  const made = await clientOf(fixture).createBankAccount({
    access: company.access,
    account: {
      bankId: at.bankId,
      accountName: linked.accountName,
      accountKey: linked.accountKey ?? '1',
      accountIdentifier: linked.accountIdentifier,
      ...(linked.bankIdentifier == null ? {} : { bankIdentifier: linked.bankIdentifier }),
      accountType: 'DEBIT',
      defaultCurrency: 'GBP',
      requestedStartDate: input.startDate ?? testStartDate,
    },
  });
  const account = { ...company, sageAccountId: randomUUID(), bankAccountId: made.bankAccountId };
  await transaction(fixture.pool, (db) =>
    insertSageAccount(db, {
      sageAccountId: account.sageAccountId,
      bankAccountId: account.bankAccountId,
      bankId: at.bankId,
      customerId: account.customerId,
      connectionId: account.connectionId,
      bankName: 'Harbour Bank',
      dataProvider: 'indirect',
      currency: 'GBP',
      authorisationMechanism: null,
      authorisationSealed: null,
      name: linked.accountName,
      numberLast4: linked.accountIdentifier.slice(-4),
      identityHash: sha256Hex(JSON.stringify([linked.bankIdentifier ?? null, linked.accountIdentifier])),
      status: made.status,
      requestedStartDate: input.startDate ?? testStartDate,
    }),
  );
  if (input.transactions !== undefined) {
    await postStatement(fixture, account, input.transactions);
    await storeTransactions(fixture, account);
  }
  return account;
}

/** A customer of Harbour Bank with a login and one account. */
export async function makeBankCustomer(fixture: Pick<SageFixture, 'control'>): Promise<BankLogin> {
  const username = `holder-${randomBytes(6).toString('hex')}`;
  const accountName = `Current ${username.slice(-4)}`;
  const account_identifier = String(randomBytes(6).readUIntBE(0, 6)).padStart(8, '1');
  await fixture.control('POST', '/bank-customers', {
    bank_id: harbourBank,
    username,
    password: 'demo',
    accounts: [{ name: accountName, account_identifier }],
  });
  return { bankId: harbourBank, username, accountName };
}

/** Posts statements of the provider with these lines, in their order; ids are given by Sage as they come. */
export async function postStatement(
  fixture: Pick<SageFixture, 'control'>,
  account: { readonly bankAccountId: string },
  lines: readonly StatementLine[],
  more: { status?: string } = {},
): Promise<void> {
  for (let from = 0; from === 0 || from < lines.length; from += statementLinesMax) {
    const transactions = lines.slice(from, from + statementLinesMax);
    const path = `/accounts/${account.bankAccountId}/transactions`;
    const statement = (await fixture.control('POST', path, { transactions, ...more })) as { status: string };
    if (['failed', 'error'].includes(statement.status)) throw new Error(JSON.stringify(statement));
  }
}

/** `count` card payments of one day: −1.00, −2.00, … */
export function someLines(count: number, narrative = 'CARD'): StatementLine[] {
  return Array.from({ length: count }, (_, index) => ({
    transactionAmount: -1 - index,
    datePosted: '2024-03-05',
    narrative1: `${narrative} ${String(index + 1)}`,
  }));
}

/** Reads what Sage has beyond the account's cursor, and stores it as the account's own workflow would. */
export async function storeTransactions(fixture: AccountFixture, account: SageTestAccount): Promise<void> {
  const row = await readSageAccount(fixture.pool, account);
  let startIndex = (row?.lastTransactionId ?? 0) + 1;
  for (let pages = 0; pages < pagesMax; pages += 1) {
    const page = await clientOf(fixture).readTransactions({ ...account, startIndex });
    await storePage(fixture.pool, { ...account, transactions: page.transactions, endIndex: page.endIndex });
    await fixture.pool.query(
      `UPDATE sage_accounts SET status = $2, last_read_at = now() WHERE sage_account_id = $1`,
      [...[account.sageAccountId, page.account.status]],
    );
    if (!page.hasMore) return;
    startIndex = page.endIndex + 1;
  }
  throw new Error('more pages than expected');
}

/** Ids of the account's stored transactions, ascending. */
export async function transactionIds(fixture: AccountFixture, account: SageTestAccount): Promise<number[]> {
  const { rows } = await fixture.pool.query<{ id: string }>(
    `SELECT transaction_id AS id FROM sage_transactions WHERE sage_account_id = $1 ORDER BY transaction_id`,
    [account.sageAccountId],
  );
  return rows.map((row) => Number(row.id));
}

async function linkAtBank(fixture: AccountFixture, company: SageTestCompany, at: BankLogin) {
  const client = clientOf(fixture);
  const { redirect, pollRoute } = await client.startLink({ access: company.access, bankId: at.bankId });
  const id = new URL(redirect).searchParams.get('authorisation_id') ?? '';
  await fixture.control('POST', `/links/${id}/finish`, { username: at.username, account: at.accountName });
  const polled = await client.pollLink({ pollRoute });
  if (polled.kind !== 'succeeded' || polled.account === null) throw new Error('the link failed');
  return polled.account;
}

function clientOf(fixture: AccountFixture) {
  if (fixture.deps.sage === null) throw new Error('the fixture has no Sage client');
  return fixture.deps.sage.client;
}
