import { randomBytes, randomUUID } from 'node:crypto';
import { harbourBank, millBank } from '../../../sandbox/sage-banking/seed-banks.js';
import { readSageAccount, type SageAccountRow } from '../../../src/db/sage-banking/accounts.js';
import type { SageBankingFixture } from './fixture.js';
import type { CaptchaResponse, PlannedCustomer, SageBankingPlan } from './plan.js';

/** One customer of a run, with facts that our tables must not contain. */
export interface SimulatedCustomer {
  readonly index: number;
  readonly customerId: string;
  readonly planned: PlannedCustomer;
  readonly serial: string;
  /** The login at the indirect bank. */
  readonly username: string;
  readonly bankAccounts: readonly CustomerBankAccount[];
  /** How the customer responds to the next captchas. */
  readonly captchas: CaptchaResponse[];
  wrongCaptchas: number;
}

export interface CustomerBankAccount {
  readonly index: number;
  readonly name: string;
  readonly number: string;
  readonly bankId: string;
  readonly kind: 'indirect' | 'direct';
  /** Whether the customer has granted access and not disconnected the account since. */
  isWanted: boolean;
}

/** What a bank has posted to an account at Sage, by transaction id. It is kept after the account is deleted. */
export type AccountBook = Map<number, unknown>;

export interface Actors {
  readonly customers: readonly SimulatedCustomer[];
  /** By Sage's id of the account. */
  readonly books: Map<string, AccountBook>;
  /** Which bank account a link is for. */
  readonly links: Map<string, { customer: SimulatedCustomer; bankAccount: CustomerBankAccount }>;
  /** By our account id: the transactions at Sage when the cancellation was requested. */
  readonly atCancellation: Map<string, readonly number[]>;
  /** Calls that were not acknowledged; their callers repeat them. */
  readonly unacknowledged: (() => Promise<void>)[];
  /** What must not be in any history or on the timeline. */
  readonly secrets: Set<string>;
}

const indirectNames = ['Current', 'Savings', 'Tax'];

/** Creates the customers at core banking and at their banks; Sage has nothing of them yet. */
export async function createActors(fixture: SageBankingFixture, plan: SageBankingPlan): Promise<Actors> {
  const customers: SimulatedCustomer[] = [];
  const secrets = new Set<string>();
  for (const [index, planned] of plan.customers.entries()) {
    const customer = await createCustomer(fixture, { index, planned });
    customers.push(customer);
    for (const { number } of customer.bankAccounts) secrets.add(number);
    secrets.add(customer.serial);
  }
  return {
    customers,
    secrets,
    books: new Map(),
    links: new Map(),
    atCancellation: new Map(),
    unacknowledged: [],
  };
}

async function createCustomer(
  { pool, control }: SageBankingFixture,
  { index, planned }: { index: number; planned: PlannedCustomer },
): Promise<SimulatedCustomer> {
  const customerId = `cust-${randomUUID()}`;
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [customerId]);
  const serial = `serial-${randomBytes(8).toString('hex')}`;
  await control('POST', '/licences', { serial, valid: planned.licenceIsValid });
  const username = `holder-${randomBytes(6).toString('hex')}`;
  const kinds = [...indirectNames.map(() => 'indirect' as const), 'direct' as const];
  const bankAccounts = kinds.map((kind, position): CustomerBankAccount => ({
    index: position,
    kind,
    name: indirectNames[position] ?? 'Till',
    isWanted: false,
    number: `8${String(randomBytes(6).readUIntBE(0, 6)).padStart(15, '0')}`,
    bankId: kind === 'direct' ? millBank : harbourBank,
  }));
  await control('POST', '/bank-customers', {
    bank_id: harbourBank,
    username,
    password: 'demo',
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
export async function listAccounts({ pool }: SageBankingFixture, actors: Actors): Promise<SageAccountRow[]> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT sage_account_id AS id FROM sage_accounts WHERE customer_id = ANY ($1) ORDER BY created_at, sage_account_id`,
    [actors.customers.map(({ customerId }) => customerId)],
  );
  const read = await Promise.all(rows.map(({ id }) => readSageAccount(pool, { sageAccountId: id })));
  return read.filter((row) => row !== null);
}

/** Accounts that are neither cancelled nor about to be, as the routes check it. */
export async function listOpenAccounts(
  fixture: SageBankingFixture,
  actors: Actors,
): Promise<SageAccountRow[]> {
  return (await listAccounts(fixture, actors)).filter(
    (row) => row.status !== 'cancelled' && row.cancelRequestedAt === null,
  );
}

export interface SimulatedCompany {
  readonly connectionId: string;
  readonly customerId: string;
  readonly companyId: string;
  readonly organisationId: string;
}

/** Companies of the run's customers, newest first. */
export async function listCompanies(
  { pool }: SageBankingFixture,
  actors: Actors,
): Promise<SimulatedCompany[]> {
  const { rows } = await pool.query<SimulatedCompany>(
    `SELECT connection_id AS "connectionId", customer_id AS "customerId", company_id AS "companyId",
            organisation_id AS "organisationId"
       FROM sage_companies WHERE customer_id = ANY ($1) ORDER BY created_at DESC, connection_id`,
    [actors.customers.map(({ customerId }) => customerId)],
  );
  return rows;
}

/** An account in the sandbox. */
export interface AccountAtSage {
  readonly bankAccountId: string;
  readonly companyId: string;
  readonly bankId: string;
  readonly accountIdentifier: string;
  readonly status: string;
  readonly dataProvider: string;
}

export async function accountsAtSage(fixture: SageBankingFixture, actors: Actors): Promise<AccountAtSage[]> {
  const ours = new Set((await listCompanies(fixture, actors)).map(({ companyId }) => companyId));
  const { accounts } = (await fixture.control('GET', '/accounts')) as { accounts: AccountAtSage[] };
  return accounts.filter(({ companyId }) => ours.has(companyId));
}

/** Copies the transactions of an account at Sage into the book of the run. */
export async function updateBook(
  fixture: SageBankingFixture,
  actors: Actors,
  bankAccountId: string,
): Promise<AccountBook> {
  const { transactions } = (await fixture.control('GET', `/accounts/${bankAccountId}`)) as {
    transactions: { transactionId: number }[];
  };
  const book = actors.books.get(bankAccountId) ?? new Map<number, unknown>();
  for (const transaction of transactions) book.set(transaction.transactionId, transaction);
  actors.books.set(bankAccountId, book);
  return book;
}
