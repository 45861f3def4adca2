import { randomUUID } from 'node:crypto';
import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { harbourBank, oldCountyBank } from '../../../sandbox/sage-banking/seed-banks.js';
import { seal } from '../../../src/crypto/seal.js';
import { bankFeedWorkflowId } from '../../../src/domain/ids.js';
import {
  makeSageAccount,
  makeSageCompany,
  postStatement,
  type SageTestAccount,
} from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';

/* What the machine API answers on the `sage-banking` channel for repeats, unusual ids and calls of the other channel. */

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  expect(await fixture.violations()).toEqual([]);
});
afterAll(() => fixture.close());

const ops = { role: 'ops' } as const;

describe('an answer under an Idempotency-Key', () => {
  const keptUnder = async (key: string): Promise<unknown> => {
    const { rows } = await fixture.pool.query<{ response: unknown }>(
      `SELECT response FROM idempotency_keys WHERE key = $1`,
      [key],
    );
    return rows[0]?.response;
  };

  it('that redirects the customer to the bank is kept without the URL, and a repeat shows the current one', async () => {
    const { customerId } = await makeSageCompany(fixture);
    const key = randomUUID();
    const json = { customer_id: customerId, bank_id: harbourBank, requested_start_date: '2024-01-01' };
    const call = () => fixture.api('POST', '/v1/sage/links', { json, key });
    const first = await call();
    expect(first).toMatchObject({
      status: 201,
      body: { redirect: expect.stringContaining('http') as string },
    });
    const linkId = first.body.link_id as string;
    expect(await keptUnder(key)).toEqual({ link_id: linkId });
    expect(await call()).toMatchObject({
      status: 201,
      body: { link_id: linkId, redirect: first.body.redirect },
    });
    // An answer was lost, and another bank consent is open by now.
    const another = 'https://bank.example/another-consent';
    const location = { table: 'sage_links', row: linkId, column: 'redirect' };
    await fixture.pool.query(`UPDATE sage_links SET redirect_sealed = $2, attempts = 2 WHERE link_id = $1`, [
      linkId,
      seal(fixture.keyring, another, location),
    ]);
    const again = await call();
    expect(again).toMatchObject({ status: 201, body: { link_id: linkId, redirect: another, attempts: 2 } });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  it('that renews an authorization is kept without the URL, too', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [], { status: 'authRequired' });
    await fixture.pool.query(`UPDATE sage_accounts SET status = 'authRequired' WHERE sage_account_id = $1`, [
      account.sageAccountId,
    ]);
    const key = randomUUID();
    const call = () => fixture.api('POST', `/v1/sage/accounts/${account.sageAccountId}/reauth`, { key });
    const first = await call();
    expect(first.status).toBe(201);
    expect(await keptUnder(key)).toEqual({ link_id: first.body.link_id });
    expect((await call()).body).toMatchObject({ link_id: first.body.link_id, redirect: first.body.redirect });
  });

  it('that names a form to sign is kept without its URL', async () => {
    const { customerId } = await makeSageCompany(fixture);
    const key = randomUUID();
    const json = {
      customer_id: customerId,
      bank_id: oldCountyBank,
      account_name: 'Current account',
      account_identifier: '40302010',
      bank_identifier: '20-30-40',
    };
    const call = () => fixture.api('POST', '/v1/sage/accounts', { json, key });
    const first = await call();
    expect(first).toMatchObject({ status: 201, body: { authorisation: { type: 'pdf' } } });
    expect(await keptUnder(key)).toEqual({ sage_account_id: first.body.sage_account_id });
    expect(await call()).toMatchObject({
      status: 201,
      body: { sage_account_id: first.body.sage_account_id, authorisation: { type: 'pdf' } },
    });
  });
});

describe('an id of a rule that cannot be one', () => {
  it.each([
    ['NUL', '%00'],
    ['NUL within', 'a%00b'],
    ['a line break', '%0A'],
    ['white space before', '%20r'],
    ['too long', 'r'.repeat(300)],
  ])('in a path is unknown: %s', async (_, id) => {
    const account = await makeSageAccount(fixture);
    const path = `/v1/sage/accounts/${account.sageAccountId}/rules/${id}`;
    expect((await fixture.api('GET', path)).status).toBe(404);
    expect((await fixture.api('DELETE', path)).status).toBe(404);
  });

  it('among rules to restore is reported with its pointer', async () => {
    const account = await makeSageAccount(fixture);
    const path = `/v1/sage/accounts/${account.sageAccountId}/restore-rules`;
    for (const id of ['', 'a\u0000b', ' r', '\ud800', 'r'.repeat(300)]) {
      const answer = await fixture.api('POST', path, { json: { rule_ids: ['r-1', id] } });
      expect([answer.status, answer.body.errors?.[0]?.pointer]).toEqual([422, '/rule_ids/1']);
    }
  });
});

it('a company whose key Sage refuses is the provider’s failure, for commands as for links', async () => {
  const account = await makeSageAccount(fixture);
  await fixture.control('POST', '/faults', {
    kind: 'status',
    http_status: 403,
    times: 0,
    match: { path: `${account.bankAccountId}/rules` },
  });
  const answer = await fixture.api('GET', `/v1/sage/accounts/${account.sageAccountId}/rules`);
  expect([answer.status, answer.body.code]).toEqual([502, 'token_refused']);
});

describe('a feed of this channel', () => {
  const feedOf = ({ sageAccountId }: SageTestAccount) => `/v1/feeds/${sageAccountId}`;

  it('has no postings, batches or conflicts, and names where its transactions are', async () => {
    const account = await makeSageAccount(fixture, { transactions: [{ transactionAmount: -5 }] });
    for (const list of ['transactions', 'batches', 'conflicts']) {
      const answer = await fixture.api('GET', `${feedOf(account)}/${list}`, ops);
      expect([answer.status, answer.body.code]).toEqual([409, 'other_channel']);
      const there = await fixture.api('GET', answer.body.transactions as string, ops);
      expect(there.body.transactions).toHaveLength(1);
    }
    const unknown = `/v1/feeds/${randomUUID()}/transactions`;
    expect((await fixture.api('GET', unknown, ops)).status).toBe(404);
  });

  it('is woken by no posting and has no workflow of postings: a signal finds none, and nothing starts one', async () => {
    const account = await makeSageAccount(fixture, { transactions: [{ transactionAmount: -5 }] });
    const feed = feedOf(account);
    const line = {
      transaction_id: 't-1',
      posted_at: '2024-01-02T00:00:00Z',
      amount: '-5.00',
      currency: 'GBP',
      description: 'Misdirected',
    };
    const calls: [path: string, json: unknown, role: 'core' | 'ops'][] = [
      [`/v1/accounts/${account.sageAccountId}/transactions`, { transactions: [line] }, 'core'],
      [`${feed}/sync`, undefined, 'ops'],
      [`${feed}/pause`, undefined, 'ops'],
      [`${feed}/resume`, undefined, 'ops'],
      [`${feed}/resync`, { from: '2024-01-01' }, 'ops'],
      [`${feed}/abandon-job`, { reason: 'none' }, 'ops'],
      [`${feed}/quarantine/t-1/release`, { reason: 'none' }, 'ops'],
      [`${feed}/quarantine/t-1/discard`, { reason: 'none' }, 'ops'],
      [`${feed}/close`, undefined, 'ops'],
    ];
    const statuses: number[] = [];
    for (const [path, json, role] of calls) {
      statuses.push(
        (await fixture.api('POST', path, { role, ...(json === undefined ? {} : { json }) })).status,
      );
    }
    expect(statuses.slice(0, 1)).toEqual([404]);
    expect(statuses.slice(2, 8)).toEqual([409, 409, 409, 409, 409, 409]);
    const handle = fixture.client.workflow.getHandle(bankFeedWorkflowId(account.sageAccountId));
    await expect(handle.signal('postingsAvailable')).rejects.toThrow(WorkflowNotFoundError);
    await expect(handle.describe()).rejects.toThrow(WorkflowNotFoundError);
  });
});

describe('the timeline of a customer', () => {
  const timelineOf = (customerId: string, query = '') =>
    fixture.api('GET', `/v1/customers/${customerId}/timeline${query}`, ops);

  it('shows onboardings and links before there is a feed, newest first, page by page', async () => {
    const { customerId } = await fixture.makeCustomer();
    const begun = await fixture.api('POST', '/v1/sage/organisations', {
      json: {
        customer_id: customerId,
        kind: 'cloud',
        company: { name: `Company ${randomUUID()}` },
        terms_accepted_at: new Date(Date.now() - 60_000).toISOString(),
      },
    });
    expect(begun.status).toBe(202);
    const refused = await makeSageCompany(fixture, { customerId });
    const inTwoDays = new Date(Date.now() + 2 * 86_400_000).toISOString();
    const answer = await fixture.api('POST', '/v1/sage/links', {
      json: {
        customer_id: customerId,
        company_id: refused.access.companyId,
        bank_id: harbourBank,
        requested_start_date: inTwoDays,
      },
    });
    expect(answer.status).toBe(422);
    const { body } = await timelineOf(customerId);
    const kinds = (body.timeline as { kind: string }[]).map(({ kind }) => kind);
    expect(kinds).toContain('sage_onboarding_begun');
    expect(body.timeline).toContainEqual(
      expect.objectContaining({
        kind: 'sage_link_refused',
        connection_id: refused.connectionId,
        feed_id: null,
        detail: { field: 'requested_start_date', problem: 'in_the_future' },
      }),
    );
    const ids = (body.timeline as { entry_id: string }[]).map(({ entry_id: id }) => Number(id));
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    const paged: number[] = [];
    let cursor: string | null = null;
    do {
      const query = cursor === null ? '?limit=1' : `?limit=1&cursor=${cursor}`;
      const page = (await timelineOf(customerId, query)).body;
      paged.push(...(page.timeline as { entry_id: string }[]).map(({ entry_id: id }) => Number(id)));
      cursor = page.next_cursor as string | null;
    } while (cursor !== null);
    // What the onboarding's workflow records meanwhile comes before the first page.
    expect(paged.filter((id) => id <= (ids[0] ?? 0))).toEqual(ids);
  });

  it('is for operators, of known customers', async () => {
    const { customerId } = await fixture.makeCustomer();
    expect((await fixture.api('GET', `/v1/customers/${customerId}/timeline`)).status).toBe(403);
    expect((await timelineOf('nobody')).status).toBe(404);
    expect((await timelineOf(customerId, '?cursor=bm8')).status).toBe(400);
  });
});

it('the reference names what the reads of this channel can answer', async () => {
  const { body } = await fixture.api('GET', '/openapi.json');
  const paths = body.paths as Record<string, { get?: { responses: object } }>;
  const statusesOf = (path: string): string[] => Object.keys(paths[path]?.get?.responses ?? {});
  for (const path of Object.keys(paths).filter((name) => name.startsWith('/v1/sage/') && paths[name]?.get)) {
    expect(statusesOf(path), path).toContain('501');
  }
  expect(statusesOf('/v1/sage/banks')).toEqual(expect.arrayContaining(['202', '422', '502']));
  for (const path of ['rules', 'rules/{rule_id}', 'restorable-rules']) {
    const statuses = statusesOf(`/v1/sage/accounts/{sage_account_id}/${path}`);
    expect(statuses, path).toEqual(expect.arrayContaining(['202', '404', '409', '422', '501', '502', '503']));
  }
  for (const list of ['transactions', 'batches', 'conflicts']) {
    expect(statusesOf(`/v1/feeds/{feed_id}/${list}`)).toContain('409');
  }
  expect(statusesOf('/v1/feeds/{feed_id}')).not.toContain('501');
});
