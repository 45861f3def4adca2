import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { harbourBank } from '../../../sandbox/sage-banking/seed-banks.js';
import { requestSageCancellation } from '../../../src/db/sage-banking/account-life.js';
import { sageBankLinkWorkflowId, sageBankAccountWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { searchAttributes } from '../../../src/workflows/search-attributes.js';
import {
  makeBankCustomer,
  makeSageAccount,
  makeSageCompany,
  postStatement,
  someLines,
  transactionIds,
  type BankLogin,
  type SageTestAccount,
  type SageTestCompany,
} from '../../support/sage-banking/account.js';
import { createSageFixture, type ApiAnswer, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';

/* The life of an account with real parts: what is read, what is asked of the customer, and how it ends. */

const soon = { timeoutMs: 60_000, everyMs: 50 };
const reads = '/transactions$';

let fixture: SageFixture;
/** Set: called before each page is read. */
let beforePage: (startIndex: number, signal?: AbortSignal) => Promise<void> = async () => undefined;

/** Every page that was asked for. */
const asked: { bankAccountId: string; startIndex: number }[] = [];

beforeAll(async () => {
  fixture = await createSageFixture({
    wrap: (client) => ({
      ...client,
      readTransactions: async (input) => {
        asked.push(input);
        await beforePage(input.startIndex, input.signal);
        return await client.readTransactions(input);
      },
    }),
  });
});
afterEach(async () => {
  beforePage = async () => undefined;
  await fixture.control('DELETE', '/faults');
  expect(await fixture.violations()).toEqual([]);
});
afterAll(() => fixture.close());

const pathOf = ({ sageAccountId }: SageTestAccount): string => `/v1/sage/accounts/${sageAccountId}`;

async function read(account: SageTestAccount): Promise<ApiAnswer['body']> {
  return (await fixture.api('GET', pathOf(account))).body;
}

async function wake(account: SageTestAccount): Promise<void> {
  await fixture.deps.sage!.workflows.wakeAccount(account);
}

/** The account's row, once it shows what is waited for. */
async function untilShown(
  account: SageTestAccount,
  expected: Record<string, unknown>,
): Promise<ApiAnswer['body']> {
  return await until(
    async () => {
      const row = await read(account);
      return Object.entries(expected).every(([name, value]) => row[name] === value) && row;
    },
    { ...soon, describe: `the account shows ${JSON.stringify(expected)}` },
  );
}

/** An account under its own workflow. */
async function living(
  input: { lines?: number; company?: SageTestCompany; at?: BankLogin } = {},
): Promise<SageTestAccount> {
  const { lines = 0, ...rest } = input;
  const account = await makeSageAccount(fixture, rest);
  if (lines > 0) await postStatement(fixture, account, someLines(lines));
  await wake(account);
  await untilShown(account, { status: lines > 0 ? 'active' : 'pending', received: lines });
  return account;
}

async function fault(input: Record<string, unknown>): Promise<void> {
  await fixture.control('POST', '/faults', input);
}

async function timelineOf(
  account: SageTestAccount,
): Promise<{ kind: string; detail: Record<string, unknown> }[]> {
  const { body } = await fixture.api('GET', `/v1/feeds/${account.sageAccountId}/timeline`, { role: 'ops' });
  return (body.timeline as { kind: string; detail: Record<string, unknown> }[]).reverse();
}

/** Ids as Sage has them. */
async function idsAtSage(account: SageTestAccount): Promise<number[]> {
  const { transactions } = (await fixture.control('GET', `/accounts/${account.bankAccountId}`)) as {
    transactions: { transactionId: number }[];
  };
  return transactions.map(({ transactionId }) => transactionId);
}

async function finish(redirect: string, body: Record<string, unknown>): Promise<void> {
  const id = new URL(redirect).searchParams.get('authorisation_id') ?? '';
  await fixture.control('POST', `/links/${id}/finish`, body);
}

async function linkEnded(linkId: string): Promise<ApiAnswer['body']> {
  return await until(
    async () => {
      const { body } = await fixture.api('GET', `/v1/sage/links/${linkId}`);
      return body.state !== 'waiting' && body;
    },
    { ...soon, describe: 'the link has ended' },
  );
}

describe('transactions', () => {
  it('are read by cursor over gaps and pages, each exactly once, and returned to callers as Sage sent them', async () => {
    const account = await makeSageAccount(fixture);
    await wake(account);
    expect((await read(account)).status).toBe('pending');
    await postStatement(fixture, account, someLines(345));
    await untilShown(account, { status: 'active', received: 345 });
    const atSage = await idsAtSage(account);
    expect(atSage).toHaveLength(345);
    // Ids have gaps: the last is beyond their number.
    expect(atSage.at(-1)).toBeGreaterThan(345);
    expect(await transactionIds(fixture, account)).toEqual(atSage);
    expect(await read(account)).toMatchObject({ last_transaction_id: atSage.at(-1), reason: null });

    const shown: { transactionId: number; narrative1: string; predictedActions: unknown[] }[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null && pages < 10; pages += 1) {
      const more: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body } = await fixture.api('GET', `${pathOf(account)}/transactions?limit=100${more}`);
      shown.push(...body.transactions);
      cursor = body.next_cursor;
    }
    expect(shown.map(({ transactionId }) => transactionId)).toEqual(atSage);
    expect(shown[0]).toMatchObject({ narrative1: 'CARD 1', transactionAmount: -1, predictedActions: [] });
    const after = await fixture.api(
      'GET',
      `${pathOf(account)}/transactions?after_transaction_id=${String(atSage.at(-2))}`,
    );
    expect(after.body.transactions).toHaveLength(1);
  });

  it('come exactly once although answers are lost, the storing process dies, and pages are unreadable', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, someLines(345));
    const match = { path: `${account.bankAccountId}/transactions$` };
    for (const kind of [
      'reset_after_effect',
      'hang_after_effect',
      'server_error_after_effect',
      'rate_limited',
    ]) {
      await fault({ kind, match: { ...match, nth: 2 } });
    }
    await fault({ kind: 'malformed_body', shape: 'truncated_json', match: { ...match, nth: 3 } });
    const restarts: Promise<void>[] = [];
    beforePage = async (startIndex, signal) => {
      // Between two pages: the first is stored, the worker goes away before the next.
      if (startIndex < 101 || restarts.length > 0) return;
      restarts.push(fixture.restartWorkers());
      if (signal?.aborted === false) await once(signal, 'abort');
    };
    await wake(account);
    await untilShown(account, { received: 345 });
    expect(restarts).toHaveLength(1);
    await Promise.all(restarts);
    expect(await transactionIds(fixture, account)).toEqual(await idsAtSage(account));
    expect((await untilShown(account, { reason: null })).status).toBe('active');
  });

  it('cost one request a page, and one when there is nothing new', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, someLines(200));
    await wake(account);
    await untilShown(account, { received: 200 });
    await fixture.api('POST', `/v1/feeds/${account.sageAccountId}/sync`, { role: 'ops' });
    const ids = await transactionIds(fixture, account);
    const starts = asked
      .filter(({ bankAccountId }) => bankAccountId === account.bankAccountId)
      .map(({ startIndex }) => startIndex);
    const [first, second, ...later] = starts;
    expect([first, second]).toEqual([1, ids[99]! + 1]);
    expect(later.length).toBeGreaterThan(0);
    expect(new Set(later)).toEqual(new Set([ids.at(-1)! + 1]));
  });

  it('with characters that the database does not take are kept all the same', async () => {
    const account = await makeSageAccount(fixture);
    await postStatement(fixture, account, [
      { transactionAmount: 1, narrative1: 'NUL \u0000 half \ud83d end' },
    ]);
    await wake(account);
    await untilShown(account, { received: 1 });
    const { body } = await fixture.api('GET', `${pathOf(account)}/transactions`);
    expect(body.transactions[0].narrative1).toMatch(/^NUL .* half .* end$/);
  });
});

describe('an authorisation that has run out', () => {
  it('is renewed through the bank’s pages, and the account continues from its cursor', async () => {
    const account = await living({ lines: 3 });
    await postStatement(fixture, account, [], { status: 'authRequired' });
    await untilShown(account, { status: 'authRequired' });
    const feed = await fixture.api('GET', `/v1/feeds/${account.sageAccountId}`);
    expect(feed.body).toMatchObject({ state: 'reauth_required', allowed_actions: ['sync', 'close'] });
    const begun = await fixture.api('POST', `${pathOf(account)}/reauth`);
    expect(begun).toMatchObject({ status: 201, body: { purpose: 'reauthorise', state: 'waiting' } });
    await finish(begun.body.redirect, {});
    expect(await linkEnded(begun.body.link_id)).toMatchObject({
      state: 'linked',
      sage_account_id: account.sageAccountId,
    });
    await untilShown(account, { status: 'active' });
    await postStatement(fixture, account, someLines(1, 'AFTER'));
    await untilShown(account, { received: 4 });
    const kinds = (await timelineOf(account)).map(({ kind, detail }) =>
      'to' in detail ? `${kind} ${detail['to'] as string}` : kind,
    );
    expect(kinds.slice(-5, -2)).toEqual([
      'sage_account_status active',
      'sage_account_status authRequired',
      'sage_link_begun',
    ]);
    // Either is checked first: the bank consent or the account.
    expect(kinds.slice(-2).sort()).toEqual(['sage_account_status active', 'sage_link_done']);
  });

  it('that the bank refuses to renew stays as it is', async () => {
    const account = await living({ lines: 1 });
    await postStatement(fixture, account, [], { status: 'authRequired' });
    await untilShown(account, { status: 'authRequired' });
    const begun = await fixture.api('POST', `${pathOf(account)}/reauth`);
    await finish(begun.body.redirect, { success: false });
    expect(await linkEnded(begun.body.link_id)).toMatchObject({ state: 'refused', reason: 'bank_refused' });
    expect((await read(account)).status).toBe('authRequired');
  });

  it('shows on the account even when the answer to the poll is lost', async () => {
    const account = await living({ lines: 1 });
    await postStatement(fixture, account, [], { status: 'authRequired' });
    await untilShown(account, { status: 'authRequired' });
    await fault({ kind: 'hang_before_effect', match: { path: '/linkpolls/' }, times: 0 });
    const begun = await fixture.api('POST', `${pathOf(account)}/reauth`);
    await finish(begun.body.redirect, {});
    await untilShown(account, { status: 'active' });
    await fixture.control('DELETE', '/faults');
    await linkEnded(begun.body.link_id);
  });

  it('is not renewed while there is no need', async () => {
    const account = await living({ lines: 1 });
    const refused = await fixture.api('POST', `${pathOf(account)}/reauth`);
    expect(refused).toMatchObject({ status: 409, body: { code: 'wrong_state', state: 'active' } });
    // Sage's status decides: our row may be outdated.
    await fixture.pool.query(`UPDATE sage_accounts SET status = 'authRequired' WHERE sage_account_id = $1`, [
      account.sageAccountId,
    ]);
    const begun = await fixture.api('POST', `${pathOf(account)}/reauth`);
    expect([begun.status, begun.body.code]).toSatisfy(
      ([status, code]) => status === 409 && ['not_auth_required', 'wrong_state'].includes(code as string),
    );
  });
});

describe('the end of an account', () => {
  it('comes after everything was read, is final, and its workflow ends', async () => {
    const account = await living({ lines: 2 });
    await postStatement(fixture, account, someLines(150, 'LAST'));
    const gone = await fixture.api('DELETE', pathOf(account));
    expect(gone).toMatchObject({
      status: 200,
      body: { status: 'cancelled', received: 152, next_read_at: null },
    });
    expect(gone.body.cancelled_at).not.toBe(null);
    const { status } = (await fixture.control('GET', `/accounts/${account.bankAccountId}`)) as {
      status: string;
    };
    expect(status).toBe('cancelled');
    await workflowEnds(account);
    expect(await fixture.api('DELETE', pathOf(account))).toMatchObject({
      status: 200,
      body: { status: 'cancelled' },
    });
    expect((await timelineOf(account)).slice(-2)).toMatchObject([
      { kind: 'sage_account_cancel_requested' },
      { kind: 'sage_account_status', detail: { to: 'cancelled', asked: true } },
    ]);
    expect(
      (await fixture.api('GET', `${pathOf(account)}/transactions?limit=200`)).body.transactions,
    ).toHaveLength(152);
  });

  it('at Sage ends it here, too', async () => {
    const account = await living({ lines: 1 });
    await fixture.deps.sage!.client.deleteBankAccount(account);
    await untilShown(account, { status: 'cancelled', received: 1 });
    await workflowEnds(account);
    expect((await timelineOf(account)).at(-1)).toMatchObject({ detail: { to: 'cancelled', asked: false } });
  });

  it('that fails delays a new link, which continues by itself once it succeeds', async () => {
    const [company, at] = [await makeSageCompany(fixture), await makeBankCustomer(fixture)];
    const account = await makeSageAccount(fixture, { company, at });
    await postStatement(fixture, account, someLines(1));
    await wake(account);
    await untilShown(account, { status: 'active', received: 1 });
    const deletion = { method: 'DELETE', path: account.bankAccountId };
    await fault({ kind: 'server_error_before_effect', match: deletion, times: 0 });
    await requestSageCancellation(fixture.pool, account);
    const begun = await fixture.api('POST', '/v1/sage/links', {
      json: { customer_id: company.customerId, bank_id: harbourBank, requested_start_date: '2024-01-01' },
    });
    await finish(begun.body.redirect, { username: at.username, account: at.accountName });
    const isGranted = async () => {
      const { rows } = await fixture.pool.query<{ isGranted: boolean }>(
        `SELECT account_sealed IS NOT NULL AS "isGranted" FROM sage_links WHERE link_id = $1`,
        [begun.body.link_id],
      );
      return rows[0]?.isGranted;
    };
    await until(isGranted, { ...soon, describe: 'the bank has agreed' });
    expect((await fixture.api('GET', `/v1/sage/links/${begun.body.link_id}`)).body.state).toBe('waiting');
    await fixture.control('DELETE', '/faults');
    const link = await linkEnded(begun.body.link_id);
    expect(link.state).toBe('linked');
    expect(link.sage_account_id).not.toBe(account.sageAccountId);
    await untilShown(account, { status: 'cancelled' });
  });

  it('survives a lost answer', async () => {
    const account = await living({ lines: 1 });
    await fault({ kind: 'reset_after_effect', match: { method: 'DELETE', path: account.bankAccountId } });
    expect((await fixture.api('DELETE', pathOf(account))).status).toBe(200);
    expect((await timelineOf(account)).filter(({ detail }) => detail['to'] === 'cancelled')).toHaveLength(1);
  });

  it('does not end the account at its bank: connected again it is new, and names its predecessor', async () => {
    const [company, at] = [await makeSageCompany(fixture), await makeBankCustomer(fixture)];
    const link = async () => {
      const begun = await fixture.api('POST', '/v1/sage/links', {
        json: { customer_id: company.customerId, bank_id: harbourBank, requested_start_date: '2024-01-01' },
      });
      await finish(begun.body.redirect, { username: at.username, account: at.accountName });
      const { sage_account_id: id } = await linkEnded(begun.body.link_id);
      return (await fixture.api('GET', `/v1/sage/accounts/${id}`)).body;
    };
    const first = await link();
    await postStatement(fixture, { bankAccountId: first.bank_account_id }, someLines(3));
    expect((await fixture.api('DELETE', `/v1/sage/accounts/${first.sage_account_id}`)).body.status).toBe(
      'cancelled',
    );
    const second = await link();
    expect(second).toMatchObject({ predecessor_id: first.sage_account_id, received: 0 });
    expect(second.sage_account_id).not.toBe(first.sage_account_id);
    await postStatement(fixture, { bankAccountId: second.bank_account_id }, someLines(2, 'NEW'));
    await until(
      async () =>
        (await fixture.api('GET', `/v1/sage/accounts/${second.sage_account_id}`)).body.received === 2,
      { ...soon, describe: 'the new account is read from its own beginning' },
    );
    expect((await fixture.api('DELETE', `/v1/sage/accounts/${second.sage_account_id}`)).status).toBe(200);
    const third = await link();
    expect(third.predecessor_id).toBe(second.sage_account_id);
  });

  async function workflowEnds(account: SageTestAccount): Promise<void> {
    const handle = fixture.client.workflow.getHandle(sageBankAccountWorkflowId(account.sageAccountId));
    await until(async () => (await handle.describe()).status.name === 'COMPLETED', {
      ...soon,
      describe: 'the workflow has ended',
    });
  }
});

describe('a failure', () => {
  it('that is transient is stored in the row until the next success, and loses nothing', async () => {
    const account = await living({ lines: 1 });
    await fault({
      kind: 'server_error_before_effect',
      match: { path: `${account.bankAccountId}${reads}` },
      times: 0,
    });
    await postStatement(fixture, account, someLines(2, 'MEANWHILE'));
    await wake(account);
    await untilShown(account, { reason: 'provider_unavailable', received: 1, status: 'active' });
    await fixture.control('DELETE', '/faults');
    await untilShown(account, { reason: null, received: 3 });
  });

  it('with the company’s credentials is recorded, raises an alert, and ends by itself', async () => {
    const account = await living({ lines: 1 });
    await fault({
      kind: 'status',
      http_status: 403,
      match: { path: `${account.bankAccountId}${reads}` },
      times: 0,
    });
    await wake(account);
    await untilShown(account, { reason: 'sage_company_refused', status: 'active' });
    const list = await fixture.api('GET', `/v1/customers/${account.customerId}/connections`);
    expect(list.body.connections).toMatchObject([
      { connection_id: account.connectionId, channel: 'sage-banking', status: 'refused', linked_feeds: 1 },
    ]);
    await repair();
    expect(await alertsOf(account)).toEqual(['feed_blocked']);
    await fixture.control('DELETE', '/faults');
    await untilShown(account, { reason: null });
    await repair();
    expect(await alertsOf(account)).toEqual([]);
  });

  it('that Sage does not know the account does not keep it from being cancelled', async () => {
    const account = await living({ lines: 1 });
    await fault({
      kind: 'status',
      http_status: 404,
      match: { path: account.bankAccountId },
      times: 0,
      body: { error: { code: 'notFound', message: 'bank account was not found' } },
    });
    await wake(account);
    await untilShown(account, { reason: 'sage_account_unknown' });
    expect((await fixture.api('DELETE', pathOf(account))).body.status).toBe('cancelled');
  });
});

describe('the repair job', () => {
  it('restores the workflows of an account, a link and others', async () => {
    const account = await living({ lines: 1 });
    const begun = await fixture.api('POST', '/v1/sage/links', {
      json: { customer_id: account.customerId, bank_id: harbourBank, requested_start_date: '2024-01-01' },
    });
    const ids = [
      sageBankAccountWorkflowId(account.sageAccountId),
      sageBankLinkWorkflowId(begun.body.link_id),
    ];
    for (const id of ids) await fixture.client.workflow.getHandle(id).terminate('lost');
    await fixture.pool.query(`UPDATE sage_accounts SET created_at = created_at - interval '1 hour'`);
    await fixture.pool.query(`UPDATE sage_links SET created_at = created_at - interval '1 hour'`);
    await until(
      async () => {
        await repair();
        const found = await Promise.all(ids.map((id) => fixture.client.workflow.getHandle(id).describe()));
        return found.every(({ status }) => status.name === 'RUNNING');
      },
      { ...soon, describe: 'both run again' },
    );
    expect(await alertsOf(account)).toEqual(['workflow_missing']);
    await postStatement(fixture, account, someLines(1, 'AFTER'));
    await untilShown(account, { received: 2 });
    await until(
      async () => {
        await repair();
        return (await alertsOf(account)).length === 0;
      },
      { ...soon, describe: 'the alert has ended' },
    );
    await finish(begun.body.redirect, { success: false });
    expect((await linkEnded(begun.body.link_id)).state).toBe('refused');
  });
});

describe('feeds of both channels', () => {
  it('are in one list, in the order of their ids, with the state that Sage’s status means', async () => {
    const company = await makeSageCompany(fixture);
    const pending = await living({ company });
    const active = await living({ company, lines: 2 });
    const rutterFeed = await makeRutterFeed(company.customerId);
    const query = `/v1/feeds?customer_id=${company.customerId}`;
    const first = await fixture.api('GET', `${query}&limit=2`);
    const second = await fixture.api('GET', `${query}&limit=2&cursor=${first.body.next_cursor}`);
    const all = [...first.body.feeds, ...second.body.feeds] as {
      feed_id: string;
      channel: string;
      state: string;
    }[];
    const ids = all.map(({ feed_id }) => feed_id);
    expect(ids).toEqual([pending.sageAccountId, active.sageAccountId, rutterFeed].sort());
    const states = Object.fromEntries(all.map((feed) => [feed.feed_id, `${feed.channel} ${feed.state}`]));
    expect(states).toEqual({
      [pending.sageAccountId]: 'sage-banking awaiting_activation',
      [active.sageAccountId]: 'sage-banking live',
      [rutterFeed]: 'rutter created',
    });
    const live = await fixture.api('GET', `${query}&state=live`);
    expect((live.body.feeds as { feed_id: string }[]).map((feed) => feed.feed_id)).toEqual([
      active.sageAccountId,
    ]);
    const connections = await fixture.api('GET', `/v1/customers/${company.customerId}/connections`);
    expect((connections.body.connections as { channel: string }[]).map((row) => row.channel)).toEqual([
      'sage-banking',
      'rutter',
    ]);
  });

  it('count what they received, accept sync and close, and refuse other actions by name', async () => {
    const account = await living({ lines: 2 });
    const feed = `/v1/feeds/${account.sageAccountId}`;
    expect((await fixture.api('GET', feed)).body).toMatchObject({
      feed_id: account.sageAccountId,
      account_id: null,
      channel: 'sage-banking',
      state: 'live',
      counts: { received: 2 },
      allowed_actions: ['sync', 'close'],
      transaction_start_date: '2024-01-01T00:00:00.000Z',
    });
    const ops = { role: 'ops' } as const;
    const synced = await fixture.api('POST', `${feed}/sync`, ops);
    expect(synced).toMatchObject({ status: 200, body: { counts: { received: 2 } } });
    const refused = [
      await fixture.api('POST', `${feed}/pause`, ops),
      await fixture.api('POST', `${feed}/resume`, ops),
      await fixture.api('POST', `${feed}/resync`, { ...ops, json: { from: '2024-01-01' } }),
      await fixture.api('POST', `${feed}/abandon-job`, { ...ops, json: { reason: 'none' } }),
      await fixture.api('POST', `${feed}/quarantine/t-1/discard`, { ...ops, json: { reason: 'none' } }),
    ];
    for (const { status, body } of refused) {
      expect([status, body.state, body.allowed_actions]).toEqual([409, 'live', ['sync', 'close']]);
    }
    const closed = await fixture.api('POST', `${feed}/close`, ops);
    expect(closed).toMatchObject({ status: 200, body: { state: 'closed', allowed_actions: ['close'] } });
    expect((await fixture.api('POST', `${feed}/sync`, ops)).status).toBe(409);
    expect((await fixture.api('POST', `${feed}/close`, ops)).status).toBe(200);
  });

  it('are checked after the postings of the other channel, and disconnected before any backfill is sent', async () => {
    const account = await living({ lines: 1 });
    await fixture.api('DELETE', pathOf(account));
    const handle = fixture.client.workflow.getHandle(sageBankAccountWorkflowId(account.sageAccountId));
    const { events } = await handle.fetchHistory();
    const priorities = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
      scheduled == null
        ? []
        : [`${scheduled.activityType?.name ?? ''} ${scheduled.priority?.priorityKey ?? 0}`],
    );
    // Without a priority of its own: the middle, 3 of 5, before backfills.
    expect([...new Set(priorities)].sort()).toEqual(['sageCancelAccount 0', 'sageReadAccount 5']);
  });

  it('are found by operators by state, channel and customer', async () => {
    const account = await living({ lines: 1 });
    const attributes = async () => {
      const { typedSearchAttributes } = await fixture.client.workflow
        .getHandle(sageBankAccountWorkflowId(account.sageAccountId))
        .describe();
      return [
        typedSearchAttributes.get(searchAttributes.feedState),
        typedSearchAttributes.get(searchAttributes.feedChannel),
        typedSearchAttributes.get(searchAttributes.customerId),
      ].join(' ');
    };
    await until(async () => (await attributes()) === `live sage-banking ${account.customerId}`, {
      ...soon,
      describe: 'the attributes show a live feed',
    });
    await postStatement(fixture, account, [], { status: 'authRequired' });
    await until(async () => (await attributes()).startsWith('reauth_required '), {
      ...soon,
      describe: 'the attributes show the refusal',
    });
  });

  /** A row of the `rutter` channel; nothing of it runs. */
  async function makeRutterFeed(customerId: string): Promise<string> {
    const [feedId, connectionId, accountId] = [randomUUID(), randomUUID(), `account-${randomUUID()}`];
    await fixture.pool.query(
      `INSERT INTO accounts (account_id, customer_id, name, type, currency) VALUES ($1, $2, 'Current', 'bank', 'GBP')`,
      [accountId, customerId],
    );
    await fixture.pool.query(
      `INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed)
       VALUES ($1, $2, 'SAGE_BANK_FEEDS', $3, 'none')`,
      [connectionId, customerId, randomUUID()],
    );
    await fixture.pool.query(
      `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id) VALUES ($1, $2, $3, $4)`,
      [feedId, customerId, accountId, connectionId],
    );
    return feedId;
  }
});

async function repair(): Promise<void> {
  const handle = await fixture.client.workflow.start('fleetRepairWorkflow', {
    workflowId: `fleet-repair-${randomUUID()}`,
    taskQueue: taskQueues.workflows,
    args: [],
  });
  await handle.result();
}

async function alertsOf(account: SageTestAccount): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ code: string }>(
    `SELECT code FROM alerts WHERE feed_id = $1 AND ended_at IS NULL ORDER BY code`,
    [account.sageAccountId],
  );
  return rows.map(({ code }) => code);
}
