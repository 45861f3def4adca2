import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACCOUNTS, accountBody, makeAccount, makeConnection, startSession, type Session } from './session.js';

let session: Session;
let token: string;
beforeEach(async () => {
  session = await startSession();
  token = (await makeConnection(session)).token;
});
afterEach(() => session.close());

describe("Rutter's bank feed accounts", () => {
  it('makes a new account inactive and not ready, under a job', async () => {
    const start = '2026-01-05T00:00:00.000Z';
    const body = accountBody({ bank_account_number: '55512094', transaction_start_date: start });
    const reply = await session.call('POST', ACCOUNTS, { token, body });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-rutter-job-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(reply.body).not.toHaveProperty('connection');
    expect(reply.body.bank_feed_account).toMatchObject({
      account_id: null,
      internal_bank_account_id: 'acc-7731',
      bank_account_number: '55512094',
      transaction_start_date: start,
      feed_status: 'inactive',
      transaction_ready: false,
    });
  });

  it('shows it in the list and alone, with the connection in camelCase', async () => {
    const id = await makeAccount(session, token);
    const list = await session.call('GET', ACCOUNTS, { token });
    expect(list.body.bank_feed_accounts).toHaveLength(1);
    expect(list.body.next_cursor).toBeNull();
    const one = await session.call('GET', `${ACCOUNTS}/${id}`, { token, query: { expand: 'platform_data' } });
    expect(one.body.bank_feed_account).toMatchObject({ id, platform_data: {} });
    expect(one.body.connection).toEqual({
      id: expect.any(String) as unknown,
      orgId: expect.any(String) as unknown,
      platform: 'SAGE_BANK_FEEDS',
    });
  });

  it.each([
    ['an account type that Sage lacks', { bank_account_type: 'savings' }],
    ['a currency that is too new for the list', { currency_code: 'SLE' }],
    ['an empty name', { name: '' }],
    ['a start date that is none', { transaction_start_date: '2026-02-30T00:00:00Z' }],
    ['a field that is not in the schema', { colour: 'red' }],
    ['a statement date that is none', { last_statement_date: '2026-02-30T00:00:00Z' }],
    ['an amount as text', { available_balance: '1546.23' }],
    ['an id that is too long', { internal_bank_account_id: 'x'.repeat(256) }],
  ])('refuses %s without accepting the request', async (_case, more) => {
    const reply = await session.call('POST', ACCOUNTS, { token, body: accountBody(more) });
    expect(reply.status).toBe(400);
    expect(reply.headers.get('x-rutter-job-id')).toBeNull();
  });

  it("takes and echoes the facts of the guide's Sage example, and by switch refuses them by name", async () => {
    const facts = {
      available_balance: 1546.23,
      current_balance: 1833.21,
      line_of_business: 'small business',
      routing_number: '123456789',
      parent_bank_feed_account_id: '00000000-0000-0000-0000-000000000000',
    };
    const create = () => session.call('POST', ACCOUNTS, { token, body: accountBody(facts) });
    expect((await create()).body.bank_feed_account).toMatchObject(facts);
    await session.control('POST', '/knobs', { accountFactsRefused: true });
    const reply = await create();
    expect(reply.status).toBe(400);
    expect(reply.body.error_message).toMatch(/^available_balance /);
    const plain = await session.call('POST', ACCOUNTS, {
      token,
      body: accountBody({ bank_account_number: '5' }),
    });
    expect(plain.status).toBe(200);
  });

  it('can show another name and number than were sent', async () => {
    const id = await makeAccount(session, token);
    await session.control('POST', `/accounts/${id}`, { name: 'Other', bank_account_number: '****1234' });
    const { body } = await session.call('GET', `${ACCOUNTS}/${id}`, { token });
    expect(body.bank_feed_account).toMatchObject({ name: 'Other', bank_account_number: '****1234' });
  });

  it('makes a second account for the same internal id', async () => {
    const first = await makeAccount(session, token);
    const second = await makeAccount(session, token);
    expect(second).not.toBe(first);
    const { body } = await session.control('GET', '/violations');
    expect(body.notes).toMatchObject([{ rule: 'account_created_twice' }]);
  });

  it('answers 410 for an account of another connection and for an unknown one', async () => {
    const id = await makeAccount(session, token);
    const other = await makeConnection(session);
    expect((await session.call('GET', `${ACCOUNTS}/${id}`, { token: other.token })).status).toBe(410);
    expect((await session.call('GET', `${ACCOUNTS}/nothing`, { token })).status).toBe(410);
  });

  it('supports neither update nor delete for Sage, and delete by switch', async () => {
    const id = await makeAccount(session, token);
    expect((await session.call('PATCH', `${ACCOUNTS}/${id}`, { token, body: {} })).status).toBe(404);
    expect((await session.call('DELETE', `${ACCOUNTS}/${id}`, { token })).status).toBe(404);
    await session.control('POST', '/knobs', { deleteAccounts: true });
    expect((await session.call('DELETE', `${ACCOUNTS}/${id}`, { token })).body.code).toBe('deleted');
    expect((await session.call('DELETE', `${ACCOUNTS}/${id}`, { token })).body.code).toBe('not_found');
    expect((await session.call('GET', `${ACCOUNTS}/${id}`, { token })).status).toBe(410);
  });

  it('turns active and ready when chosen in Sage, after the delay, and back when disconnected', async () => {
    const id = await makeAccount(session, token);
    await session.control('POST', '/knobs', { selectDelayMs: 60_000 });
    const start = '2026-01-10T08:30:00.250Z';
    await session.control('POST', `/accounts/${id}/select`, { transaction_start_date: start });
    const read = async () =>
      (await session.call('GET', `${ACCOUNTS}/${id}`, { token })).body.bank_feed_account;
    expect(await read()).toMatchObject({ feed_status: 'inactive', transaction_ready: false });
    await session.control('POST', '/clock', { advance_ms: 60_000 });
    const chosen = { feed_status: 'active', transaction_ready: true, transaction_start_date: start };
    expect(await read()).toMatchObject(chosen);
    await session.control('POST', '/knobs', { selectDelayMs: 0 });
    await session.control('POST', `/accounts/${id}/disconnect`, {});
    expect(await read()).toMatchObject({ ...chosen, feed_status: 'inactive', transaction_ready: false });
  });

  it('can be set to states that Sage should not show', async () => {
    const id = await makeAccount(session, token);
    await session.control('POST', `/accounts/${id}`, { transaction_ready: true });
    const { body } = await session.call('GET', `${ACCOUNTS}/${id}`, { token });
    expect(body.bank_feed_account).toMatchObject({ feed_status: 'inactive', transaction_ready: true });
  });
});
