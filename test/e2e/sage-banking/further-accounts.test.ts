import { randomBytes, randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { harbourBank } from '../../../sandbox/sage-banking/seed-banks.js';
import { sageCreateAccount } from '../../../src/activities/sage-banking/bank-link/create-account.js';
import { SageOutcomeUnknown, SageRateLimited } from '../../../src/clients/sage-banking/errors.js';
import { seal } from '../../../src/crypto/seal.js';
import { insertSageLink, readSageLink } from '../../../src/db/sage-banking/bank-links.js';
import {
  makeSageAccount,
  makeSageCompany,
  type SageTestAccount,
} from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';
import { completed, send, signInTo, textOf } from '../../api/sage-banking/pages-fixture.js';

/* Further accounts of one consent (contract 6.6), and rules that disconnected accounts have left. */

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterAll(async () => {
  await fixture.close();
});

const startDate = '2026-01-01';

/** An account of a bank customer who has granted three. */
async function oneOfThree(customer: { customerId?: string } = {}) {
  const username = `holder-${randomBytes(6).toString('hex')}`;
  const accounts = ['Current', 'Savings', 'Card'].map((name, index) => ({
    name: `${name} ${username.slice(-4)}`,
    account_identifier: `${String(randomBytes(4).readUInt32BE(0)).padStart(10, '1')}${String(index)}`,
  }));
  await fixture.control('POST', '/bank-customers', {
    bank_id: harbourBank,
    username,
    password: 'demo',
    accounts,
  });
  const at = { bankId: harbourBank, username, accountName: accounts[0]!.name };
  const account = await makeSageAccount(fixture, { ...customer, at });
  return { account, names: accounts.map(({ name }) => name) };
}

const pathOf = (account: SageTestAccount) => `/v1/sage/accounts/${account.sageAccountId}/available-accounts`;

async function openCandidates(account: SageTestAccount): Promise<string[]> {
  const answer = await fixture.api('GET', pathOf(account));
  expect(answer.status).toBe(200);
  const accounts = answer.body.accounts as { candidate_id: string; connected: boolean }[];
  return accounts.filter(({ connected }) => !connected).map(({ candidate_id }) => candidate_id);
}

async function accountsOf({ customerId }: SageTestAccount): Promise<string[]> {
  const answer = await fixture.api('GET', `/v1/sage/accounts?customer_id=${customerId}`);
  return (answer.body.accounts as { name: string }[]).map(({ name }) => name).sort();
}

describe('further accounts of a consent', () => {
  it('are listed, complete at the first call, and linked without the bank’s pages', async () => {
    const { account, names } = await oneOfThree();
    const answer = await fixture.api('GET', pathOf(account));
    const accounts = answer.body.accounts as { connected: boolean }[];
    expect(accounts.map(({ connected }) => connected).sort()).toEqual([false, false, true]);
    for (const candidate_id of await openCandidates(account)) {
      const json = { candidate_id, requested_start_date: startDate };
      const linked = await fixture.api('POST', pathOf(account), { json });
      expect(linked).toMatchObject({ status: 201, body: { state: 'linked', purpose: 'candidate' } });
      const made = await fixture.api('GET', `/v1/sage/accounts/${linked.body.sage_account_id as string}`);
      expect(made.body).toMatchObject({
        status: 'pending',
        connection_id: account.connectionId,
        requested_start_date: '2026-01-01T00:00:00.000Z',
      });
    }
    expect(await openCandidates(account)).toEqual([]);
    expect(await accountsOf(account)).toEqual([...names].sort());
    expect(await fixture.violations()).toEqual([]);
  });

  it('are read by their own workflow from then on', async () => {
    const { account } = await oneOfThree();
    const [candidate_id] = await openCandidates(account);
    const json = { candidate_id, requested_start_date: startDate };
    const { body } = await fixture.api('POST', pathOf(account), { json });
    const path = `/v1/sage/accounts/${body.sage_account_id as string}`;
    const { bank_account_id: id } = (await fixture.api('GET', path)).body as { bank_account_id: string };
    await fixture.control('POST', `/accounts/${id}/transactions`, {
      transactions: [{ transactionAmount: -1 }],
    });
    await until(async () => (await fixture.api('GET', path)).body.received === 1, {
      timeoutMs: 20_000,
      describe: 'its transaction is read',
    });
  });

  it('linked once are refused a second time, and unknown ones are named', async () => {
    const { account } = await oneOfThree();
    const [candidate_id] = await openCandidates(account);
    const json = { candidate_id, requested_start_date: startDate };
    expect((await fixture.api('POST', pathOf(account), { json })).status).toBe(201);
    const second = await fixture.api('POST', pathOf(account), { json });
    expect(second).toMatchObject({ status: 409, body: { code: 'account_taken' } });
    const unknown = await fixture.api('POST', pathOf(account), {
      json: { ...json, candidate_id: 'none' },
    });
    expect(unknown).toMatchObject({ status: 422, body: { errors: [{ pointer: '/candidate_id' }] } });
    const future = await fixture.api('POST', pathOf(account), {
      json: { ...json, requested_start_date: '2999-01-01' },
    });
    expect(future).toMatchObject({ status: 422, body: { errors: [{ pointer: '/requested_start_date' }] } });
    expect(await accountsOf(account)).toHaveLength(2);
  });

  type LinkCandidate = NonNullable<typeof fixture.deps.sage>['client']['linkCandidate'];

  /** A link of the first open candidate, carried out step by step without its workflow. */
  async function linkByHand() {
    const { account } = await oneOfThree();
    const [candidateId = ''] = await openCandidates(account);
    const linkId = randomUUID();
    const candidate = JSON.stringify({ candidateId, bankAccountId: account.bankAccountId });
    await insertSageLink(fixture.pool, {
      linkId,
      customerId: account.customerId,
      connectionId: account.connectionId,
      purpose: 'candidate',
      bankId: harbourBank,
      bankName: 'Harbour Bank',
      requestedStartDate: '2026-01-01T00:00:00.000Z',
      sageAccountId: null,
      accountSealed: seal(fixture.keyring, candidate, {
        table: 'sage_links',
        row: linkId,
        column: 'account',
      }),
    });
    const sage = fixture.deps.sage!;
    const attempt = (linkCandidate: LinkCandidate = (call) => sage.client.linkCandidate(call)) => {
      const deps = { ...fixture.deps, sage: { ...sage, client: { ...sage.client, linkCandidate } } };
      return new MockActivityEnvironment().run(sageCreateAccount(deps), { linkId });
    };
    const byAnotherProgram = () =>
      sage.client.linkCandidate({
        access: account.access,
        candidateId,
        requestedStartDate: '2026-01-01T00:00:00.000Z',
        signal: AbortSignal.timeout(10_000),
      });
    const ended = () => readSageLink(fixture.pool, { linkId });
    return { account, attempt, byAnotherProgram, ended };
  }

  const losing: LinkCandidate = async (call) => {
    await fixture.deps.sage!.client.linkCandidate(call);
    throw new SageOutcomeUnknown({ operation: 'linkCandidate', reason: 'connection_lost' });
  };
  const limited: LinkCandidate = () =>
    Promise.reject(
      new SageRateLimited({
        operation: 'linkCandidate',
        httpStatus: 429,
        errorCode: null,
        errorMessage: null,
        retryAfterMs: undefined,
      }),
    );

  it('whose answer was lost is found again, and made once', async () => {
    const { account, attempt, ended } = await linkByHand();
    await expect(attempt(losing)).rejects.toThrow();
    await expect(attempt(limited)).rejects.toThrow();
    await attempt();
    expect(await ended()).toMatchObject({ state: 'linked' });
    expect(await accountsOf(account)).toHaveLength(2);
  });

  it('that somebody else has connected is not taken for our own work at a first attempt', async () => {
    const { account, attempt, byAnotherProgram, ended } = await linkByHand();
    await byAnotherProgram();
    await attempt();
    expect(await ended()).toMatchObject({ state: 'refused', reason: 'account_taken' });
    expect(await accountsOf(account)).toHaveLength(1);
  });

  it('is not taken for our own work after attempts that certainly changed nothing', async () => {
    const { account, attempt, byAnotherProgram, ended } = await linkByHand();
    await expect(attempt(limited)).rejects.toThrow();
    await byAnotherProgram();
    await attempt();
    expect(await ended()).toMatchObject({ state: 'refused', reason: 'account_taken' });
    expect(await accountsOf(account)).toHaveLength(1);
  });

  it('are chosen on a page, which says when there are none', async () => {
    const customer = await signInTo(fixture);
    const { account } = await oneOfThree(customer);
    const path = `/status/sage/accounts/${account.sageAccountId}`;
    expect(textOf(await customer.visitor.get(path))).toContain('Further accounts of this bank');
    for (let number = 2; number > 0; number -= 1) {
      const page = await completed(customer.visitor, `${path}/further`);
      expect(page.text.match(/type="radio"/g)).toHaveLength(number);
      const none = await send(customer.visitor, page, `${path}/further`, { start_date: startDate });
      expect(textOf(await followed(customer, none))).toContain('Choose an account.');
      const candidate = /name="candidate"\s+id="candidate-0"\s+value="([^"]+)"/.exec(page.text)![1]!;
      const answer = await send(customer.visitor, page, `${path}/further`, {
        candidate,
        start_date: startDate,
      });
      expect(textOf(await completed(customer.visitor, answer.location!))).toContain(
        'The account is connected',
      );
    }
    expect(textOf(await completed(customer.visitor, `${path}/further`))).toContain('no further accounts');
  });
});

/** The page itself, or the one that it leads to while Sage is asked. */
async function followed(
  { visitor }: Awaited<ReturnType<typeof signInTo>>,
  page: Awaited<ReturnType<typeof send>>,
) {
  return page.location === null ? page : await completed(visitor, page.location);
}

describe('a rule of a disconnected account', () => {
  const draft = (ruleName: string) => ({
    ruleName,
    ruleConditions: [{ ruleField: 'checkNum', ruleOperation: 'eq', ruleCriteria: '1' }],
    ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'nominal', code: '7200' }] }],
  });

  /** Two rules of a disconnected account, and another account of the company. */
  async function leftRules(customer: { customerId?: string } = {}) {
    const company = await makeSageCompany(fixture, customer);
    const former = await makeSageAccount(fixture, { company });
    const account = await makeSageAccount(fixture, { company });
    const ruleIds: string[] = [];
    for (const name of ['Old 1', 'Old 2']) {
      const path = `/v1/sage/accounts/${former.sageAccountId}/rules`;
      ruleIds.push((await fixture.api('POST', path, { json: draft(name) })).body.ruleId as string);
    }
    await fixture.deps.sage!.client.deleteBankAccount(former);
    return { account, ruleIds, path: `/v1/sage/accounts/${account.sageAccountId}/restorable-rules` };
  }

  const left = async (path: string) =>
    ((await fixture.api('GET', path)).body.rules as { ruleName: string }[]).map(({ ruleName }) => ruleName);

  it('is deleted for good; a second time it is unknown, and one of a connected account is refused', async () => {
    const { account, ruleIds, path } = await leftRules();
    expect(await left(path)).toEqual(['Old 1', 'Old 2']);
    const deleted = await fixture.api('DELETE', `${path}/${ruleIds[0]!}`);
    expect(deleted).toMatchObject({ status: 200, body: { rule_id: ruleIds[0], deleted: true } });
    expect(await left(path)).toEqual(['Old 2']);
    expect(await fixture.api('DELETE', `${path}/${ruleIds[0]!}`)).toMatchObject({
      status: 404,
      body: { code: 'rule_not_found' },
    });
    const rules = `/v1/sage/accounts/${account.sageAccountId}/rules`;
    const active = await fixture.api('POST', rules, { json: draft('Active') });
    const refused = await fixture.api('DELETE', `${path}/${active.body.ruleId as string}`);
    expect(refused).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    const { rows } = await fixture.pool.query(
      `SELECT detail ->> 'rule_id' AS id FROM timeline WHERE feed_id = $1 AND kind = 'sage_disconnected_rule_deleted'`,
      [account.sageAccountId],
    );
    expect(rows).toEqual([{ id: ruleIds[0] }]);
  });

  it('is deleted on the page after asking once more', async () => {
    const customer = await signInTo(fixture);
    const { account, ruleIds, path } = await leftRules(customer);
    const restore = `/status/sage/accounts/${account.sageAccountId}/restore`;
    expect(textOf(await completed(customer.visitor, restore))).toContain('Delete for good');
    const question = await completed(customer.visitor, `${restore}/${ruleIds[1]!}/delete`);
    expect(textOf(question)).toContain('Delete rule Old 2?');
    const answer = await send(customer.visitor, question, `${restore}/${ruleIds[1]!}/delete`);
    expect(textOf(await completed(customer.visitor, answer.location!))).not.toContain('Old 2');
    expect(await left(path)).toEqual(['Old 1']);
  });
});
