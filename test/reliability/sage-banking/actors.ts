import { randomBytes, randomUUID } from 'node:crypto';
import { HARBOUR_BANK, MILL_BANK } from '../../../sandbox/sage-banking/seed-banks.js';
import { readSageAccount, type SageAccountRow } from '../../../src/db/sage-banking/accounts.js';
import type { SageBankingFixture } from './fixture.js';
import type { CaptchaWay, PlannedCustomer, SageBankingPlan } from './plan.js';

/** One customer of a run, with what the run knows of it that our tables must not. */
export interface SageBankingCustomer {
  readonly index: number;
  readonly customerId: string;
  readonly planned: PlannedCustomer;
  readonly serial: string;
  /** At the indirect bank. */
  readonly username: string;
  readonly bankAccounts: readonly SageBankingBankAccount[];
  /** What the person does about the next captchas. */
  readonly captchas: CaptchaWay[];
  wrongCaptchas: number;
}

export interface SageBankingBankAccount {
  readonly index: number;
  readonly name: string;
  readonly number: string;
  readonly bankId: string;
  readonly kind: 'indirect' | 'direct';
  /** The customer wants it connected: has said yes for it, and has not disconnected it since. */
  isWanted: boolean;
}

/** What a bank has posted to an account at Sage, as Sage shows it: it outlives the account. */
export type SageBankingBook = Map<number, unknown>;

export interface SageBankingActors {
  readonly customers: readonly SageBankingCustomer[];
  /** By Sage's id of the account. */
  readonly books: Map<string, SageBankingBook>;
  /** Which bank account a link is for. */
  readonly links: Map<string, { customer: SageBankingCustomer; bankAccount: SageBankingBankAccount }>;
  /** Our id of the account → what stood at Sage when its end was asked for. */
  readonly atCancellation: Map<string, readonly number[]>;
  /** Calls whose caller has heard no acknowledgement. */
  readonly unacknowledged: (() => Promise<void>)[];
  /** What may stand in no history and on no timeline. */
  readonly secrets: Set<string>;
}

const indirectNames = ['Current', 'Savings', 'Tax'];

/** Customers as core banking and their banks know them; nothing is at Sage yet. */
export async function createSageBankingActors(
  fixture: SageBankingFixture,
  plan: SageBankingPlan,
): Promise<SageBankingActors> {
  const customers: SageBankingCustomer[] = [];
  const secrets = new Set<string>();
  for (const [index, planned] of plan.customers.entries()) {
    const customer = await createCustomer(fixture, { index, planned });
    customers.push(customer);
    for (const { number } of customer.bankAccounts) secrets.add(number);
    secrets.add(customer.serial);
  }
  return {
    ...{ customers, secrets, books: new Map(), links: new Map() },
    ...{ atCancellation: new Map(), unacknowledged: [] },
  };
}

async function createCustomer(
  { pool, control }: SageBankingFixture,
  { index, planned }: { index: number; planned: PlannedCustomer },
): Promise<SageBankingCustomer> {
  const customerId = `cust-${randomUUID()}`;
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [customerId]);
  const serial = `serial-${randomBytes(8).toString('hex')}`;
  await control('POST', '/licences', { serial, valid: planned.licenceIsValid });
  const username = `holder-${randomBytes(6).toString('hex')}`;
  const kinds = [...indirectNames.map(() => 'indirect' as const), 'direct' as const];
  const bankAccounts = kinds.map((kind, place): SageBankingBankAccount => ({
    ...{ index: place, kind, name: indirectNames[place] ?? 'Till', isWanted: false },
    number: `8${String(randomBytes(6).readUIntBE(0, 6)).padStart(15, '0')}`,
    bankId: kind === 'direct' ? MILL_BANK : HARBOUR_BANK,
  }));
  await control('POST', '/bank-customers', {
    ...{ bank_id: HARBOUR_BANK, username, password: 'demo' },
    accounts: bankAccounts
      .filter(({ kind }) => kind === 'indirect')
      .map(({ name, number }) => ({ name, account_identifier: number })),
  });
  const captchas = [...planned.captchas];
  return { index, customerId, planned, serial, username, bankAccounts, captchas, wrongCaptchas: 0 };
}

export function pick<T>(items: readonly T[], index: number): T | undefined {
  return items.length === 0 ? undefined : items[index % items.length];
}

/** Our accounts of all customers of the run, oldest first. */
export async function sageBankingAccounts(
  { pool }: SageBankingFixture,
  actors: SageBankingActors,
): Promise<SageAccountRow[]> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT sage_account_id AS id FROM sage_accounts WHERE customer_id = ANY ($1) ORDER BY created_at, sage_account_id`,
    [actors.customers.map(({ customerId }) => customerId)],
  );
  const read = await Promise.all(rows.map(({ id }) => readSageAccount(pool, { sageAccountId: id })));
  return read.filter((row) => row !== null);
}

/** Those about which something can still be done, as the routes check it. */
export async function openSageBankingAccounts(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
): Promise<SageAccountRow[]> {
  return (await sageBankingAccounts(fixture, actors)).filter(
    (row) => row.status !== 'cancelled' && row.cancelRequestedAt === null,
  );
}

export interface SageBankingCompany {
  readonly connectionId: string;
  readonly customerId: string;
  readonly companyId: string;
  readonly organisationId: string;
}

/** Companies of the run's customers, newest first. */
export async function sageBankingCompanies(
  { pool }: SageBankingFixture,
  actors: SageBankingActors,
): Promise<SageBankingCompany[]> {
  const { rows } = await pool.query<SageBankingCompany>(
    `SELECT connection_id AS "connectionId", customer_id AS "customerId", company_id AS "companyId",
            organisation_id AS "organisationId"
       FROM sage_companies WHERE customer_id = ANY ($1) ORDER BY created_at DESC, connection_id`,
    [actors.customers.map(({ customerId }) => customerId)],
  );
  return rows;
}

/** An account as the sandbox has it. */
export interface AccountAtSage {
  readonly bankAccountId: string;
  readonly companyId: string;
  readonly bankId: string;
  readonly accountIdentifier: string;
  readonly status: string;
  readonly dataProvider: string;
}

export async function accountsAtSage(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
): Promise<AccountAtSage[]> {
  const ours = new Set((await sageBankingCompanies(fixture, actors)).map(({ companyId }) => companyId));
  const { accounts } = (await fixture.control('GET', '/accounts')) as { accounts: AccountAtSage[] };
  return accounts.filter(({ companyId }) => ours.has(companyId));
}

/** Takes over what stands at Sage for an account into the run's own book. */
export async function noteBook(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  bankAccountId: string,
): Promise<SageBankingBook> {
  const { transactions } = (await fixture.control('GET', `/accounts/${bankAccountId}`)) as {
    transactions: { transactionId: number }[];
  };
  const book = actors.books.get(bankAccountId) ?? new Map<number, unknown>();
  for (const transaction of transactions) book.set(transaction.transactionId, transaction);
  actors.books.set(bankAccountId, book);
  return book;
}
