import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import {
  harbourBank,
  millBank,
  oldCountyBank,
  riversideBank,
} from '../../../sandbox/sage-banking/seed-banks.js';
import { SageUnreachable } from '../../../src/clients/sage-banking/errors.js';
import { sageBankAccountWorkflowId } from '../../../src/domain/ids.js';
import { sageLinkAttemptsMax } from '../../../src/domain/sage-banking/bank-link.js';
import { readAllHistories } from '../../support/histories.js';
import '../../support/provided.js';
import {
  makeBankCustomer,
  makeSageCompany,
  type BankLogin,
  type SageTestCompany,
} from '../../support/sage-banking/account.js';
import { createSageFixture, type ApiAnswer, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';

/* Linking over the machine API with real parts: each outcome, and what is left at Sage. */

const soon = { timeoutMs: 60_000, everyMs: 50 };
const polls = '/linkpolls/';
const bankAccounts = '/bankaccounts$';
const startDate = '2024-01-01';

let fixture: SageFixture;
/** The routes whose answer is discarded before it is stored, as by a process that dies there. */
let isDropped: (pollRoute: string) => boolean = () => false;
/** What must never be in a history, a log line or on the timeline. */
const secrets = new Set<string>();

beforeAll(async () => {
  fixture = await createSageFixture({
    wrap: (client) => ({
      ...client,
      pollLink: async (input) => {
        secrets.add(input.pollRoute);
        const answer = await client.pollLink(input);
        if (!isDropped(input.pollRoute)) return answer;
        throw new SageUnreachable({ operation: 'pollLink', code: 'DIED' });
      },
    }),
  });
});
beforeEach(() => {
  isDropped = () => false;
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  // A link that still waits would meet the faults of the next test.
  await fixture.pool.query(`UPDATE sage_links SET expires_at = now() WHERE state = 'waiting'`);
  await until(async () => (await waitingLinks()) === 0, { ...soon, describe: 'nothing waits any more' });
  expect(await fixture.violations()).toEqual([]);
});
afterAll(() => fixture.close());

async function waitingLinks(): Promise<number> {
  return (await fixture.pool.query(`SELECT 1 FROM sage_links WHERE state = 'waiting'`)).rows.length;
}

interface Customer {
  readonly company: SageTestCompany;
  readonly at: BankLogin;
}

async function newCustomer(): Promise<Customer> {
  const company = await makeSageCompany(fixture);
  secrets.add(company.access.signingKey);
  return { company, at: await makeBankCustomer(fixture) };
}

async function begin(
  customer: Customer,
  over: Record<string, unknown> = {},
  key?: string,
): Promise<ApiAnswer> {
  return await fixture.api('POST', '/v1/sage/links', {
    json: {
      customer_id: customer.company.customerId,
      bank_id: harbourBank,
      requested_start_date: startDate,
      ...over,
    },
    ...(key === undefined ? {} : { key }),
  });
}

const authorisationOf = (redirect: string): string =>
  new URL(redirect).searchParams.get('authorisation_id') ?? '';

/** What the customer does at the bank. */
async function finish(
  redirect: string,
  customer: Customer,
  body: Record<string, unknown> = {},
): Promise<void> {
  secrets.add(redirect);
  const { username, accountName } = customer.at;
  await fixture.control('POST', `/links/${authorisationOf(redirect)}/finish`, {
    username,
    account: accountName,
    ...body,
  });
}

async function readLink(linkId: string): Promise<ApiAnswer['body']> {
  return (await fixture.api('GET', `/v1/sage/links/${linkId}`)).body;
}

async function ended(linkId: string): Promise<ApiAnswer['body']> {
  return await until(
    async () => {
      const link = await readLink(linkId);
      return link.state !== 'waiting' && link;
    },
    { ...soon, describe: 'the link has ended' },
  );
}

/** The redirect of the bank consent that follows a lost one. */
async function begunAgain(linkId: string, attempts: number): Promise<string> {
  return await until(
    async () => {
      const link = await readLink(linkId);
      return link.attempts >= attempts && (link.redirect as string | null);
    },
    { ...soon, describe: `bank consent ${String(attempts)} is open` },
  );
}

async function accountsAtSage({ company }: Customer): Promise<{ bankAccountId: string }[]> {
  const { client } = fixture.deps.sage!;
  return [...(await client.listBankAccounts({ access: company.access, includeCancelled: true }))];
}

async function fault(input: Record<string, unknown>): Promise<void> {
  await fixture.control('POST', '/faults', input);
}

async function timelineOf({
  company,
}: Customer): Promise<{ kind: string; detail: Record<string, unknown> }[]> {
  const { rows } = await fixture.pool.query<{ kind: string; detail: Record<string, unknown> }>(
    `SELECT kind, detail FROM timeline WHERE customer_id = $1 AND kind LIKE 'sage_%' ORDER BY entry_id`,
    [company.customerId],
  );
  return rows;
}

/** A customer whose account is linked. */
async function linked(customer: Customer): Promise<ApiAnswer['body']> {
  const begun = await begin(customer);
  expect(begun.status).toBe(201);
  await finish(begun.body.redirect, customer);
  return await ended(begun.body.link_id);
}

describe('an indirect bank', () => {
  it('is linked through its pages, and the account is created from the date that was asked for before', async () => {
    const customer = await newCustomer();
    const begun = await begin(customer);
    expect(begun).toMatchObject({
      status: 201,
      body: { state: 'waiting', attempts: 1, bank_name: 'Harbour Bank' },
    });
    expect(begun.headers.get('location')).toBe(`/v1/sage/links/${begun.body.link_id}`);
    const left = Date.parse(begun.body.expires_at) - Date.now();
    expect(left).toBeGreaterThan(19 * 60_000);
    expect(left).toBeLessThanOrEqual(20 * 60_000);
    await until(async () => (await readLink(begun.body.link_id)).updated_at !== begun.body.updated_at, {
      ...soon,
      describe: 'it was polled',
    });
    await finish(begun.body.redirect, customer);
    const link = await ended(begun.body.link_id);
    expect(link).toMatchObject({ state: 'linked', redirect: null, reason: null, attempts: 1 });
    const { status, body: account } = await fixture.api('GET', `/v1/sage/accounts/${link.sage_account_id}`);
    const [atSage, ...others] = await accountsAtSage(customer);
    expect(others).toEqual([]);
    expect([status, account]).toMatchObject([
      200,
      {
        customer_id: customer.company.customerId,
        connection_id: customer.company.connectionId,
        bank_account_id: atSage?.bankAccountId,
        bank_id: harbourBank,
        bank_name: 'Harbour Bank',
        status: 'pending',
        requested_start_date: '2024-01-01T00:00:00.000Z',
        predecessor_id: null,
        last_transaction_id: null,
        received: 0,
        data_provider: 'indirect',
        name: customer.at.accountName,
      },
    ]);
    const { rows } = await fixture.pool.query(
      `SELECT redirect_sealed, poll_route_sealed, account_sealed FROM sage_links WHERE link_id = $1`,
      [link.link_id],
    );
    expect(rows).toEqual([{ redirect_sealed: null, poll_route_sealed: null, account_sealed: null }]);
    const kinds = (await timelineOf(customer)).map(({ kind }) => kind);
    expect(kinds).toEqual(['sage_link_begun', 'sage_account_linked', 'sage_link_done']);
    const description = await fixture.client.workflow
      .getHandle(sageBankAccountWorkflowId(link.sage_account_id))
      .describe();
    expect(description.status.name).toBe('RUNNING');
  });

  it('that refuses ends the link as refused, with nothing created', async () => {
    const customer = await newCustomer();
    const begun = await begin(customer);
    await finish(begun.body.redirect, customer, { success: false });
    expect(await ended(begun.body.link_id)).toMatchObject({
      state: 'refused',
      reason: 'bank_refused',
      sage_account_id: null,
      redirect: null,
    });
    expect(await accountsAtSage(customer)).toEqual([]);
    expect((await timelineOf(customer)).at(-1)).toMatchObject({
      kind: 'sage_link_failed',
      detail: { state: 'refused', reason: 'bank_refused' },
    });
  });

  it('that nobody finished in time is distinguished from a refused one', async () => {
    const customer = await newCustomer();
    const begun = await begin(customer);
    await fixture.pool.query(`UPDATE sage_links SET expires_at = now() WHERE link_id = $1`, [
      begun.body.link_id,
    ]);
    expect(await ended(begun.body.link_id)).toMatchObject({ state: 'expired', reason: 'out_of_time' });
    expect(await accountsAtSage(customer)).toEqual([]);
  });

  it('whose account is linked already gives that account, and none is made', async () => {
    const customer = await newCustomer();
    const first = await linked(customer);
    const second = await linked(customer);
    expect(second).toMatchObject({ state: 'linked', sage_account_id: first.sage_account_id });
    expect(second.link_id).not.toBe(first.link_id);
    expect(await accountsAtSage(customer)).toHaveLength(1);
  });

  it('is requested once under one Idempotency-Key', async () => {
    const customer = await newCustomer();
    const key = randomUUID();
    const [first, second] = [await begin(customer, {}, key), await begin(customer, {}, key)];
    expect(second.body.link_id).toBe(first.body.link_id);
    const { rows } = await fixture.pool.query(`SELECT 1 FROM sage_links WHERE customer_id = $1`, [
      customer.company.customerId,
    ]);
    expect(rows).toHaveLength(1);
  });
});

describe('a lost answer', () => {
  it('to a poll costs the route: another bank consent is begun, and the account from it is the only one', async () => {
    const customer = await newCustomer();
    await fault({ kind: 'reset_after_effect', match: { path: polls, nth: 2 } });
    const begun = await begin(customer);
    const again = await begunAgain(begun.body.link_id, 2);
    expect(again).not.toBe(begun.body.redirect);
    expect(await readLink(begun.body.link_id)).toMatchObject({ expires_at: begun.body.expires_at });
    await finish(again, customer);
    expect(await ended(begun.body.link_id)).toMatchObject({ state: 'linked', attempts: 2 });
    expect(await accountsAtSage(customer)).toHaveLength(1);
    expect((await timelineOf(customer)).map(({ kind }) => kind)).toContain('sage_link_begun_again');
  });

  it('with the success is not counted as success: the customer begins again, and there is one account', async () => {
    const customer = await newCustomer();
    const begun = await begin(customer);
    await fault({ kind: 'hang_before_effect', match: { path: polls }, times: 1 });
    await finish(begun.body.redirect, customer);
    await fault({ kind: 'reset_after_effect', match: { path: polls }, times: 1 });
    const again = await begunAgain(begun.body.link_id, 2);
    expect(await accountsAtSage(customer)).toEqual([]);
    await finish(again, customer);
    expect(await ended(begun.body.link_id)).toMatchObject({ state: 'linked', attempts: 2 });
    expect(await accountsAtSage(customer)).toHaveLength(1);
  });

  it('is the same when our process dies between the poll and its storage', async () => {
    const customer = await newCustomer();
    const begun = await begin(customer);
    const lost = authorisationOf(begun.body.redirect);
    isDropped = (pollRoute) => pollRoute.includes(lost);
    const again = await begunAgain(begun.body.link_id, 2);
    await finish(again, customer);
    expect(await ended(begun.body.link_id)).toMatchObject({ state: 'linked', attempts: 2 });
    expect(await accountsAtSage(customer)).toHaveLength(1);
  });

  it('to every poll ends the link after a named number of bank consents, with a reason', async () => {
    const customer = await newCustomer();
    isDropped = () => true;
    const begun = await begin(customer);
    expect(await ended(begun.body.link_id)).toMatchObject({
      state: 'expired',
      reason: 'route_lost',
      attempts: sageLinkAttemptsMax,
    });
    expect((await timelineOf(customer)).at(-1)?.detail).toMatchObject({ attempts: sageLinkAttemptsMax });
  });

  it('before Sage was reached costs nothing: the same route is asked again', async () => {
    const customer = await newCustomer();
    await fault({ kind: 'reset_before_effect', match: { path: polls }, times: 2 });
    expect(await linked(customer)).toMatchObject({ state: 'linked', attempts: 1 });
  });

  it.each(['reset_after_effect', 'server_error_after_effect', 'hang_after_effect'])(
    'to the creation of the account (%s) makes no second one',
    async (kind) => {
      const customer = await newCustomer();
      await fault({ kind, match: { method: 'POST', path: bankAccounts } });
      const link = await linked(customer);
      expect(link.state).toBe('linked');
      const [atSage, ...others] = await accountsAtSage(customer);
      expect(others).toEqual([]);
      const account = await fixture.api('GET', `/v1/sage/accounts/${link.sage_account_id}`);
      expect(account.body.bank_account_id).toBe(atSage?.bankAccountId);
    },
  );

  it('to a creation that never happened is followed by another creation', async () => {
    const customer = await newCustomer();
    await fault({
      kind: 'server_error_before_effect',
      match: { method: 'POST', path: bankAccounts },
      times: 2,
    });
    expect(await linked(customer)).toMatchObject({ state: 'linked' });
    expect(await accountsAtSage(customer)).toHaveLength(1);
  });
});

describe('a foreign address', () => {
  it('as the first poll route sends nobody anywhere', async () => {
    const customer = await newCustomer();
    await rewriteStart('pollRoute":"http', 'pollRoute":"https://polls.example/x?http');
    const begun = await begin(customer);
    expect(begun).toMatchObject({ status: 502, body: { code: 'foreign_address', state: 'refused' } });
    await expectForeign(customer, begun.body.link_id, 'polls.example');
  });

  it('as a later poll route ends the link, and is never called', async () => {
    const customer = await newCustomer();
    await fault({
      kind: 'rewrite_body',
      match: { path: polls },
      times: 0,
      find: fixture.sandboxUrl,
      replace: 'https://polls.example',
    });
    const begun = await begin(customer);
    expect(await ended(begun.body.link_id)).toMatchObject({ state: 'refused', reason: 'foreign_address' });
    await expectForeign(customer, begun.body.link_id, 'polls.example');
  });

  it.each(['http://bank.example/', 'javascript:alert(1)//'])(
    'as the redirect (%s) is shown to nobody',
    async (address) => {
      const customer = await newCustomer();
      await rewriteStart('"redirect":"', `"redirect":"${address}`);
      const begun = await begin(customer);
      expect(begun).toMatchObject({ status: 502, body: { code: 'foreign_address' } });
      expect((await readLink(begun.body.link_id)).redirect).toBe(null);
      expect(await accountsAtSage(customer)).toEqual([]);
    },
  );

  async function rewriteStart(find: string, replace: string): Promise<void> {
    await fault({ kind: 'rewrite_body', match: { path: 'indirectlinkaccount' }, find, replace });
  }

  async function expectForeign(customer: Customer, linkId: string, host: string): Promise<void> {
    expect(await readLink(linkId)).toMatchObject({ state: 'refused', redirect: null, sage_account_id: null });
    expect((await timelineOf(customer)).at(-1)).toMatchObject({
      kind: 'sage_link_failed',
      detail: { reason: 'foreign_address', host },
    });
    expect(await accountsAtSage(customer)).toEqual([]);
  }
});

describe('a direct bank', () => {
  const direct = (customer: Customer, over: Record<string, unknown> = {}) => ({
    customer_id: customer.company.customerId,
    bank_id: oldCountyBank,
    account_name: 'Current account',
    account_identifier: randomUUID().replaceAll('-', '').slice(0, 12),
    bank_identifier: '20-30-40',
    ...over,
  });
  const create = (json: unknown) => fixture.api('POST', '/v1/sage/accounts', { json });

  it('gets an account that is pending, with the form that the customer signs, renewed with every check', async () => {
    const customer = await newCustomer();
    const json = direct(customer, { account_type: 'SAVINGS', requested_start_date: startDate });
    secrets.add(json.account_identifier);
    const made = await create(json);
    expect(made).toMatchObject({
      status: 201,
      body: {
        status: 'pending',
        data_provider: 'direct',
        bank_name: 'Old County Bank',
        number_last4: json.account_identifier.slice(-4),
        name: 'Current account',
        authorisation: { type: 'pdf', formUrl: expect.stringContaining('/bank/forms/') as string },
      },
    });
    const path = `/v1/sage/accounts/${made.body.sage_account_id}`;
    expect(made.headers.get('location')).toBe(path);
    const renewed = await until(
      async () => {
        const { authorisation } = (await fixture.api('GET', path)).body;
        return authorisation.formUrl !== made.body.authorisation.formUrl && authorisation;
      },
      { ...soon, describe: 'the form was renewed' },
    );
    expect(renewed.type).toBe('pdf');
    const atSage = await fixture.control('GET', `/accounts/${made.body.bank_account_id}`);
    expect(JSON.stringify(atSage)).toContain('"accountType":"SAVINGS"');
    expect(
      (await fixture.api('GET', `/v1/sage/accounts?customer_id=${json.customer_id}`)).body.accounts,
    ).toMatchObject([{ sage_account_id: made.body.sage_account_id }]);
  });

  it.each([
    [riversideBank, 'url'],
    [millBank, 'instructions'],
  ])('shows what the customer has to do there: %s', async (bankId, type) => {
    const customer = await newCustomer();
    const made = await create(direct(customer, { bank_id: bankId }));
    expect(made).toMatchObject({ status: 201, body: { authorisation: { type } } });
  });

  it('makes no second account when the answer is lost', async () => {
    const customer = await newCustomer();
    await fault({ kind: 'reset_after_effect', match: { method: 'POST', path: bankAccounts } });
    const made = await create(direct(customer));
    expect(made.status).toBe(201);
    expect(await accountsAtSage(customer)).toMatchObject([{ bankAccountId: made.body.bank_account_id }]);
  });

  it('that knows the account from elsewhere is reported, and nothing is stored', async () => {
    const [customer, other] = [await newCustomer(), await newCustomer()];
    const json = direct(customer);
    expect((await create(json)).status).toBe(201);
    const again = await create({ ...json, customer_id: other.company.customerId });
    expect(again).toMatchObject({ status: 409, body: { code: 'account_taken', state: 'refused' } });
    const { rows } = await fixture.pool.query(`SELECT 1 FROM sage_accounts WHERE customer_id = $1`, [
      other.company.customerId,
    ]);
    expect(rows).toEqual([]);
  });
});

describe('bad input', () => {
  it('of the wrong kind of bank, or of an unknown one, names the field and creates nothing', async () => {
    const customer = await newCustomer();
    const answers = [
      await begin(customer, { bank_id: millBank }),
      await begin(customer, { bank_id: randomUUID() }),
      await fixture.api('POST', '/v1/sage/accounts', {
        json: {
          customer_id: customer.company.customerId,
          bank_id: harbourBank,
          account_name: 'Current',
          account_identifier: '12345678',
          bank_identifier: '20-30-40',
        },
      }),
    ];
    expect(answers.map(({ status, body }) => [status, body.code, body.errors[0].pointer])).toEqual([
      [422, 'wrong_bank_kind', '/bank_id'],
      [422, 'unknown_bank', '/bank_id'],
      [422, 'wrong_bank_kind', '/bank_id'],
    ]);
    expect(await accountsAtSage(customer)).toEqual([]);
    const failed = (await timelineOf(customer)).filter(({ kind }) => kind === 'sage_link_failed');
    expect(failed.map(({ detail }) => detail['reason'])).toEqual([
      'wrong_bank_kind',
      'unknown_bank',
      'wrong_bank_kind',
    ]);
  });

  it('is answered before anything is begun', async () => {
    const customer = await newCustomer();
    const { customerId } = await fixture.makeCustomer();
    // A day that has begun nowhere on earth.
    const inTwoDays = new Date(Date.now() + 2 * 86_400_000).toISOString();
    const answers = [
      await begin(customer, { requested_start_date: inTwoDays }),
      await begin(customer, { requested_start_date: '2024-02-30' }),
      await begin(customer, { company_id: 'another' }),
      await begin(customer, { customer_id: customerId }),
      await begin(customer, { customer_id: 'nobody' }),
      await fixture.api('GET', `/v1/sage/links/${randomUUID()}`),
      await fixture.api('GET', `/v1/sage/accounts/${randomUUID()}`),
      await fixture.api('DELETE', `/v1/sage/accounts/${randomUUID()}`),
    ];
    expect(answers.map(({ status, body }) => [status, body.errors?.[0].pointer])).toEqual([
      [422, '/requested_start_date'],
      [422, '/requested_start_date'],
      [422, '/company_id'],
      [422, '/company_id'],
      [404, undefined],
      [404, undefined],
      [404, undefined],
      [404, undefined],
    ]);
    // Nothing is begun, and what was refused for this company is on its timeline.
    expect(await timelineOf(customer)).toMatchObject(
      ['in_the_future', 'no_such_date'].map((problem) => ({
        kind: 'sage_link_refused',
        detail: { field: 'requested_start_date', problem },
      })),
    );
  });

  it('of a customer with several companies names the one that is meant', async () => {
    const customer = await newCustomer();
    const other = await makeSageCompany(fixture, { customerId: customer.company.customerId });
    expect(await begin(customer)).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/company_id' }] },
    });
    const begun = await begin(customer, { company_id: other.access.companyId });
    expect(begun).toMatchObject({ status: 201, body: { connection_id: other.connectionId } });
  });
});

it('keeps routes, redirects, account numbers and keys out of histories, logs and the timeline', async () => {
  const { raw, decoded } = await readAllHistories(inject('temporalAddress'), fixture.namespace);
  const { rows } = await fixture.pool.query<{ text: string }>(`SELECT detail::text AS text FROM timeline`);
  const visible = [raw, decoded, ...fixture.logLines, ...rows.map(({ text }) => text)].join('\n');
  expect(secrets.size).toBeGreaterThan(20);
  expect([...secrets].filter((secret) => visible.includes(secret))).toEqual([]);
});
