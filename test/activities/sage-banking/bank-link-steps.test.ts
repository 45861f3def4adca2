import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { harbourBank } from '../../../sandbox/sage-banking/seed-banks.js';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import {
  sageBeginBankLink,
  type BeginBankLinkResult,
} from '../../../src/activities/sage-banking/bank-link/begin-bank-link.js';
import {
  sageCreateAccount,
  type CreateAccountResult,
} from '../../../src/activities/sage-banking/bank-link/create-account.js';
import {
  sagePollBankLink,
  type PollBankLinkResult,
} from '../../../src/activities/sage-banking/bank-link/poll-bank-link.js';
import type { SageBankingClient } from '../../../src/clients/sage-banking/client.js';
import { SageRefused } from '../../../src/clients/sage-banking/errors.js';
import { open, seal } from '../../../src/crypto/seal.js';
import { transaction, type Pool } from '../../../src/db/pool.js';
import { insertSageAccount, readSageAccount } from '../../../src/db/sage-banking/accounts.js';
import { insertSageLink, readSageLink } from '../../../src/db/sage-banking/bank-links.js';
import { sageLinkWaitsForEndMs } from '../../../src/domain/sage-banking/bank-link.js';
import {
  makeBankCustomer,
  makeSageAccount,
  makeSageCompany,
  someLines,
  type SageTestAccount,
  type SageTestCompany,
} from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';

/* Single steps of a bank link, with overlapping attempts and answers that the sandbox does not give. */

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture({ workers: false });
});
afterAll(async () => {
  expect(await fixture.violations()).toEqual([]);
  await fixture.close();
});

const linkTable = { table: 'sage_links' };

function depsWith(over: { client?: Partial<SageBankingClient>; pool?: Pool } = {}): ActivityDeps {
  const sage = fixture.deps.sage!;
  const client = { ...sage.client, ...over.client };
  return {
    ...fixture.deps,
    ...(over.pool === undefined ? {} : { pool: over.pool }),
    sage: { ...sage, client },
  };
}

async function newLink(
  company: SageTestCompany,
  input: {
    purpose?: 'link' | 'reauthorise';
    account?: SageTestAccount;
    details?: Record<string, unknown>;
  } = {},
): Promise<string> {
  const linkId = randomUUID();
  const { purpose = 'link', account, details } = input;
  const location = { ...linkTable, row: linkId, column: 'account' };
  await transaction(fixture.pool, (db) =>
    insertSageLink(db, {
      linkId,
      customerId: company.customerId,
      connectionId: company.connectionId,
      purpose,
      bankId: harbourBank,
      bankName: 'Harbour Bank',
      requestedStartDate: '2024-01-01T00:00:00Z',
      sageAccountId: account?.sageAccountId ?? null,
      accountSealed: details === undefined ? null : seal(fixture.keyring, JSON.stringify(details), location),
    }),
  );
  return linkId;
}

async function rowOf(linkId: string) {
  const row = await readSageLink(fixture.pool, { linkId });
  if (row === null) throw new Error('no such link');
  return row;
}

const begin = (linkId: string, deps = depsWith()): Promise<BeginBankLinkResult> =>
  new MockActivityEnvironment().run(sageBeginBankLink(deps), { linkId });
const poll = (linkId: string, deps = depsWith()): Promise<PollBankLinkResult> =>
  new MockActivityEnvironment().run(sagePollBankLink(deps), { linkId });
const create = (linkId: string, deps = depsWith()): Promise<CreateAccountResult> =>
  new MockActivityEnvironment().run(sageCreateAccount(deps), { linkId });

const refused = (operation: 'getAccessToken' | 'createBankAccount', httpStatus: number) =>
  new SageRefused({ operation, httpStatus, errorCode: null, errorMessage: null });

/** The details that a bank sends for an account that exists at Sage. */
async function detailsOf(account: SageTestAccount): Promise<Record<string, unknown>> {
  const found = await fixture.deps.sage!.client.getBankAccount(account);
  const { accountName, accountIdentifier, bankIdentifier } = found;
  return { accountName, accountIdentifier, bankIdentifier, accountKey: '1' };
}

/** The customer completes the pages of the bank. */
async function finishAtBank(linkId: string): Promise<void> {
  const customer = await makeBankCustomer(fixture);
  const { redirectSealed } = await rowOf(linkId);
  const location = { ...linkTable, row: linkId, column: 'redirect' };
  const redirect = open(fixture.keyring, redirectSealed ?? '', location);
  const id = new URL(redirect).searchParams.get('authorisation_id') ?? '';
  await fixture.control('POST', `/links/${id}/finish`, {
    username: customer.username,
    account: customer.accountName,
  });
}

/** A pool that is unavailable for the first `times` statements with this beginning. */
function unavailableFor(beginning: string, times: number): Pool {
  let remaining = times;
  return new Proxy(fixture.pool, {
    get: (pool, name) => {
      if (name !== 'query') return Reflect.get(pool, name) as unknown;
      return (text: string, values: unknown[]) => {
        if (!text.startsWith(beginning) || remaining === 0) return pool.query(text, values);
        remaining -= 1;
        return Promise.reject(Object.assign(new Error('starting up'), { code: '57P03' }));
      };
    },
  });
}

describe('an account that is linked again while it is being disconnected', () => {
  it('is waited for at growing intervals, up to a limit', async () => {
    const account = await makeSageAccount(fixture, { transactions: someLines(1) });
    const linkId = await newLink(account, { details: await detailsOf(account) });
    await fixture.pool.query(
      `UPDATE sage_accounts SET cancel_requested_at = now() WHERE sage_account_id = $1`,
      [account.sageAccountId],
    );
    const grantedAgo = (agoMs: number) =>
      fixture.pool.query(
        `UPDATE sage_links SET updated_at = now() - $2::float8 * interval '1 millisecond' WHERE link_id = $1`,
        [linkId, agoMs],
      );
    expect(await create(linkId)).toEqual({ outcome: 'again', waitMs: 3_000 });
    await grantedAgo(160_000);
    const later = await create(linkId);
    expect(later.outcome === 'again' && Math.round(later.waitMs / 1_000)).toBe(20);
    await grantedAgo(sageLinkWaitsForEndMs + 1_000);
    expect(await create(linkId)).toEqual({ outcome: 'over', state: 'expired' });
    expect(await rowOf(linkId)).toMatchObject({ state: 'expired', reason: 'account_taken' });
  });

  it('names its predecessor although our row does not show the cancellation yet', async () => {
    const account = await makeSageAccount(fixture, { transactions: someLines(1) });
    const first = await readSageAccount(fixture.pool, account);
    if (first === null) throw new Error('no such account');
    expect(first.status).toBe('active');
    const next = { ...first, sageAccountId: randomUUID(), bankAccountId: randomUUID() };
    const { account: second } = await transaction(fixture.pool, (db) => insertSageAccount(db, next));
    expect(second.predecessorId).toBe(first.sageAccountId);
  });
});

describe('an answer of the poll route', () => {
  it('is stored although the database is unavailable for a moment, for the next route and for the account', async () => {
    const linkId = await newLink(await makeSageCompany(fixture));
    expect((await begin(linkId)).outcome).toBe('waiting');
    const beginning = 'UPDATE sage_links SET poll_route_sealed = $3';
    expect((await poll(linkId, depsWith({ pool: unavailableFor(beginning, 2) }))).outcome).toBe('waiting');
    await finishAtBank(linkId);
    const ofAccount = 'UPDATE sage_links SET account_sealed';
    expect((await poll(linkId, depsWith({ pool: unavailableFor(ofAccount, 2) }))).outcome).toBe('granted');
    expect(await rowOf(linkId)).toMatchObject({ state: 'waiting', attempts: 1 });
    expect((await create(linkId)).outcome).toBe('over');
    expect((await rowOf(linkId)).state).toBe('linked');
  });
});

describe('a bank consent session', () => {
  it('does not replace the session of another attempt, which the customer may be using', async () => {
    const linkId = await newLink(await makeSageCompany(fixture));
    const { client } = fixture.deps.sage!;
    const startLink: SageBankingClient['startLink'] = async (input) => {
      const late = await client.startLink(input);
      await begin(linkId);
      return late;
    };
    expect((await begin(linkId, depsWith({ client: { startLink } }))).outcome).toBe('waiting');
    expect((await rowOf(linkId)).attempts).toBe(1);
    await finishAtBank(linkId);
    expect((await poll(linkId)).outcome).toBe('granted');
  });
});

describe('the renewal of an authorisation', () => {
  it('whose answer was lost is found complete when the account is active again', async () => {
    const account = await makeSageAccount(fixture, { transactions: someLines(1) });
    const linkId = await newLink(account, { purpose: 'reauthorise', account });
    await fixture.pool.query(`UPDATE sage_links SET attempts = 1 WHERE link_id = $1`, [linkId]);
    expect(await begin(linkId)).toEqual({ outcome: 'over', state: 'linked' });
    expect(await rowOf(linkId)).toMatchObject({ state: 'linked', sageAccountId: account.sageAccountId });
  });

  it('is not considered unnecessary because the token was refused', async () => {
    const account = await makeSageAccount(fixture, { transactions: someLines(1) });
    const linkId = await newLink(account, { purpose: 'reauthorise', account });
    const startReauthorisation = () => Promise.reject(refused('getAccessToken', 400));
    await begin(linkId, depsWith({ client: { startReauthorisation } }));
    expect((await rowOf(linkId)).reason).toBe('link_rejected');
  });
});

describe('the creation of an account', () => {
  it.each([400, 409, 422])(
    'that is refused (%i) because the account exists takes it over',
    async (status) => {
      const company = await makeSageCompany(fixture);
      const linkId = await newLink(company);
      await begin(linkId);
      await finishAtBank(linkId);
      await poll(linkId);
      const { client } = fixture.deps.sage!;
      const createBankAccount: SageBankingClient['createBankAccount'] = async (input) => {
        await client.createBankAccount(input);
        throw refused('createBankAccount', status);
      };
      expect(await create(linkId, depsWith({ client: { createBankAccount } }))).toMatchObject({
        state: 'linked',
      });
      const [atSage, ...others] = await client.listBankAccounts({ access: company.access });
      expect(others).toEqual([]);
      const { sageAccountId } = await rowOf(linkId);
      const row = await readSageAccount(fixture.pool, { sageAccountId: sageAccountId ?? '' });
      expect(row?.bankAccountId).toBe(atSage?.bankAccountId);
    },
  );

  it('stores a name with characters that PostgreSQL rejects', async () => {
    const linkId = await newLink(await makeSageCompany(fixture));
    await begin(linkId);
    await finishAtBank(linkId);
    await poll(linkId);
    const { client } = fixture.deps.sage!;
    const createBankAccount: SageBankingClient['createBankAccount'] = async (input) => ({
      ...(await client.createBankAccount(input)),
      accountName: 'Harbour \0 Joinery',
    });
    await create(linkId, depsWith({ client: { createBankAccount } }));
    const { sageAccountId } = await rowOf(linkId);
    const row = await readSageAccount(fixture.pool, { sageAccountId: sageAccountId ?? '' });
    expect(row?.name).toBe('Harbour \ufffd Joinery');
  });
});
