import { randomUUID } from 'node:crypto';
import { open, seal } from '../../../src/crypto/seal.js';
import { transaction } from '../../../src/db/pool.js';
import type { SageAccountRow } from '../../../src/db/sage-banking/accounts.js';
import { insertSageLink, readSageLink, type NewSageLink } from '../../../src/db/sage-banking/bank-links.js';
import {
  listCompanies,
  pick,
  type Actors,
  type CustomerBankAccount,
  type SimulatedCustomer,
} from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import type { PlannedLink } from './plan.js';

/* What customers do to connect a bank account, to authorize it again, and at the pages of their bank. */

/** Time until the page shows the address of the bank. */
const pageShownMs = 3_000;

/** A customer with a company starts to link one of its bank accounts. Without a company nothing happens. */
export async function beginLink(
  fixture: SageBankingFixture,
  actors: Actors,
  customer: SimulatedCustomer,
  link: PlannedLink,
): Promise<void> {
  const companies = await listCompanies(fixture, actors);
  const company = companies.find(({ customerId }) => customerId === customer.customerId);
  const bankAccount = pick(customer.bankAccounts, link.account);
  if (company === undefined || bankAccount === undefined) return;
  const { connectionId } = company;
  const linkId = randomUUID();
  const isDirect = bankAccount.kind === 'direct';
  await startLink(fixture, actors, link.startLost, {
    linkId,
    customerId: customer.customerId,
    connectionId,
    bankId: bankAccount.bankId,
    purpose: isDirect ? 'direct' : 'link',
    bankName: null,
    sageAccountId: null,
    requestedStartDate: link.startDate,
    accountSealed: isDirect ? sealAccountDetails(fixture, linkId, bankAccount) : null,
  });
  actors.links.set(linkId, { customer, bankAccount });
  if (isDirect) bankAccount.isWanted = true;
  if (isDirect || link.visit === 'leave' || link.startLost) return;
  await fixture.sleep(pageShownMs);
  await visitBank(fixture, actors, { customer, success: link.visit === 'grant' });
}

function sealAccountDetails(
  { keyring }: SageBankingFixture,
  linkId: string,
  { name, number }: CustomerBankAccount,
): string {
  const details = {
    accountName: name,
    accountIdentifier: number,
    bankIdentifier: '20-40-60',
    accountType: null,
  };
  return seal(keyring, JSON.stringify(details), { table: 'sage_links', row: linkId, column: 'account' });
}

async function startLink(
  fixture: SageBankingFixture,
  actors: Actors,
  startLost: boolean,
  link: NewSageLink & { linkId: string },
): Promise<void> {
  const call = async () => {
    await transaction(fixture.pool, (db) => insertSageLink(db, link));
    await fixture.sage.startLink(link);
  };
  if (!startLost) return await call();
  await transaction(fixture.pool, (db) => insertSageLink(db, link));
  actors.unacknowledged.push(call);
}

export async function reauthorise(
  fixture: SageBankingFixture,
  actors: Actors,
  account: SageAccountRow,
  visit: PlannedLink['visit'],
): Promise<void> {
  const { customerId, connectionId, bankId, bankName, sageAccountId } = account;
  const customer = actors.customers.find((other) => other.customerId === customerId);
  if (customer === undefined) return;
  await startLink(fixture, actors, false, {
    linkId: randomUUID(),
    customerId,
    connectionId,
    purpose: 'reauthorise',
    bankId,
    bankName,
    requestedStartDate: null,
    sageAccountId,
    accountSealed: null,
  });
  if (visit === 'leave') return;
  await fixture.sleep(pageShownMs);
  await visitBank(fixture, actors, { customer, success: visit === 'grant' });
}

/** The customer opens the bank pages of all its waiting links and grants or refuses access there. */
export async function visitBank(
  fixture: SageBankingFixture,
  actors: Actors,
  { customer, success }: { customer: SimulatedCustomer; success: boolean },
): Promise<void> {
  const { rows } = await fixture.pool.query<{ linkId: string }>(
    `SELECT link_id AS "linkId" FROM sage_links
      WHERE customer_id = $1 AND state = 'waiting' AND redirect_sealed IS NOT NULL ORDER BY created_at`,
    [customer.customerId],
  );
  for (const { linkId } of rows) await visitLink(fixture, actors, { customer, success, linkId });
}

async function visitLink(
  { pool, keyring, control }: SageBankingFixture,
  actors: Actors,
  { customer, success, linkId }: { customer: SimulatedCustomer; success: boolean; linkId: string },
): Promise<void> {
  const link = await readSageLink(pool, { linkId });
  if (link?.redirectSealed == null) return;
  const location = { table: 'sage_links', row: linkId, column: 'redirect' };
  const redirect = new URL(open(keyring, link.redirectSealed, location));
  actors.secrets.add(redirect.searchParams.get('state') ?? '');
  const id = redirect.searchParams.get('authorisation_id') ?? '';
  const wanted = actors.links.get(linkId)?.bankAccount;
  if (success && wanted !== undefined) wanted.isWanted = true;
  const account = wanted === undefined ? {} : { account: wanted.name };
  const done = success ? { username: customer.username, ...account } : { success: false };
  try {
    await control('POST', `/links/${id}/finish`, done);
  } catch (error) {
    // Too late, or finished before: the page of the bank reports it, and the customer leaves.
    if (!(error instanceof Error) || !error.message.includes('authorisation is over')) throw error;
  }
}
