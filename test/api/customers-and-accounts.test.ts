import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HasherBusy, createPasswordHasher } from '../../src/crypto/password.js';
import { open } from '../../src/crypto/seal.js';
import { startApi, tokens, transaction, type ApiFixture } from './machine-api-fixture.js';

let api: ApiFixture;
const hasher = createPasswordHasher({ concurrencyMax: 2, queueMax: 16 });
let busy = false;
beforeAll(async () => {
  api = await startApi({
    hasher: {
      ...hasher,
      hash: (password) => (busy ? Promise.reject(new HasherBusy()) : hasher.hash(password)),
    },
  });
});
afterAll(() => api.stop());

const put = (path: string, json: unknown) => api.call('PUT', path, { json });
const newCustomer = () => `/v1/customers/${randomUUID()}`;

describe('a customer', () => {
  it('is created with 201, replaced with 200, and neither password nor hash comes back', async () => {
    const path = newCustomer();
    const username = `anna-${randomUUID()}`;
    const created = await put(path, {
      name: 'Bäckerei',
      email: 'a@b.example',
      username,
      password: 'correct horse',
    });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ name: 'Bäckerei', email: 'a@b.example', username, locale: 'en-GB' });
    const replaced = await put(path, { name: 'Bakery', locale: 'fr-CA' });
    expect(replaced.status).toBe(200);
    expect(replaced.body).toMatchObject({ name: 'Bakery', email: null, username, locale: 'fr-CA' });
    expect(created.text + replaced.text).not.toMatch(/correct horse|argon2|password/);
  });

  it('keeps the password unless a new one is given, and loses the login with username null', async () => {
    const path = newCustomer();
    const username = `ben-${randomUUID()}`;
    const hash = async () =>
      (
        await api.rows<{ password_hash: string }>(`SELECT password_hash FROM customers WHERE username = $1`, [
          username,
        ])
      )[0]?.password_hash;
    await put(path, { name: 'B', username, password: 'correct horse' });
    const first = await hash();
    expect(await hasher.verify({ password: 'correct horse', passwordHash: first ?? null })).toBe(true);
    await put(path, { name: 'B' });
    await put(path, { name: 'B', username });
    expect(await hash()).toBe(first);
    await put(path, { name: 'B', username, password: 'another horse' });
    expect(await hash()).not.toBe(first);
    expect((await put(path, { name: 'B', username: null })).body.username).toBeNull();
    expect(await hash()).toBeUndefined();
  });

  it('cannot take the username of another, and is not partly created by the attempt', async () => {
    const username = `carl-${randomUUID()}`;
    await put(newCustomer(), { name: 'C', username, password: 'correct horse' });
    const path = newCustomer();
    const answer = await put(path, { name: 'D', username, password: 'correct horse' });
    expect([answer.status, answer.body.code]).toEqual([409, 'username_taken']);
    expect((await api.call('GET', `${path}/connections`)).status).toBe(404);
    const noPassword = await put(path, { name: 'D', username: `dora-${randomUUID()}` });
    expect([noPassword.status, noPassword.body.errors[0]!.pointer]).toEqual([422, '/password']);
    expect((await api.call('GET', `${path}/connections`)).status).toBe(404);
  });

  it.each([
    [{}, '/name'],
    [{ name: '' }, '/name'],
    [{ name: 'x'.repeat(256) }, '/name'],
    [{ name: 'a\u0000b' }, '/name'],
    [{ name: 5 }, '/name'],
    [{ name: 'X', email: 'nobody' }, '/email'],
    [{ name: 'X', locale: 'tlh' }, '/locale'],
    [{ name: 'X', nmae: 'Y' }, '/nmae'],
    [{ name: 'X', password: 'correct horse' }, '/password'],
    [{ name: 'X', username: 'someone', password: 'short' }, '/password'],
    [{ name: 'X', username: 'someone', password: 'password123' }, '/password'],
    [{ name: 'X', username: 'someone.else', password: 'SOMEONE.else' }, '/password'],
    [[], ''],
    ['x', ''],
  ])('is refused with a pointer to the error: %j', async (body, pointer) => {
    const answer = await put(newCustomer(), body);
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid_body']);
    expect(answer.body.errors[0]!.pointer).toBe(pointer);
  });

  it('cannot have an id that could not be stored or compared', async () => {
    for (const id of ['%00', '%20x', 'a%0Ab', 'x'.repeat(256)]) {
      const answer = await put(`/v1/customers/${id}`, { name: 'X' });
      expect([answer.status, answer.body.code]).toEqual([422, 'invalid_id']);
    }
    expect(
      (await put(`/v1/customers/${encodeURIComponent("a/'; DROP TABLE customers; --")}`, { name: 'X' }))
        .status,
    ).toBe(201);
  });

  it('is asked to retry while too many passwords are being hashed', async () => {
    busy = true;
    const answer = await put(newCustomer(), { name: 'X', username: randomUUID(), password: 'correct horse' });
    busy = false;
    expect([answer.status, answer.headers.get('Retry-After')]).toEqual([429, '1']);
  });

  it('with a body beyond 64 KB is 413', async () => {
    expect((await put(newCustomer(), { name: 'x'.repeat(70_000) })).status).toBe(413);
  });
});

describe('an account', () => {
  const account = { name: 'Current', type: 'bank', currency: 'EUR' };

  it('keeps its number sealed: only the last four digits come back, the row holds no digit of it', async () => {
    const customer = newCustomer();
    await put(customer, { name: 'X' });
    const accountId = randomUUID();
    const body = { ...account, number: 'DE89 3704 0044 0532 0130 99', opened_on: '2020-02-29' };
    const answer = await put(`${customer}/accounts/${accountId}`, body);
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ ...account, number_last4: '3099', opened_on: '2020-02-29' });
    expect(answer.text).not.toContain('3704');
    const [row] = await api.rows<{ number_sealed: string }>(
      `SELECT number_sealed FROM accounts WHERE account_id = $1`,
      [accountId],
    );
    const sealed = row!.number_sealed;
    expect(sealed).not.toContain('3704');
    expect(open(api.keyring, sealed, { table: 'accounts', row: accountId })).toBe(body.number);
    expect(api.logLines.join('')).not.toContain('3704');
  });

  it('names what is wrong with each field in words of its own', async () => {
    const { customerId } = await api.makeAccount();
    const answer = await api.call('PUT', `/v1/customers/${customerId}/accounts/acc-${randomUUID()}`, {
      json: { name: 7, type: 'savings', closed_on: '31.01.2026', opened_on: '2026-02-30', publishable: 'no' },
    });
    expect(answer.status).toBe(422);
    const errors = answer.body['errors'] as { pointer: string; message: string }[];
    expect(Object.fromEntries(errors.map(({ pointer, message }) => [pointer, message]))).toEqual({
      '/name': 'must be a string',
      '/type': 'must be one of bank, credit_card',
      '/currency': 'is required',
      '/opened_on': 'must be a day that exists, as YYYY-MM-DD',
      '/closed_on': 'must be a day that exists, as YYYY-MM-DD',
      '/publishable': 'must be true or false',
    });
  });

  it('belongs to one customer: under another it is 409, under an unknown one 404', async () => {
    const { accountId } = await api.makeAccount();
    const other = await api.makeAccount();
    const answer = await put(`/v1/customers/${other.customerId}/accounts/${accountId}`, account);
    expect([answer.status, answer.body.code]).toEqual([409, 'account_of_other_customer']);
    expect((await put(`/v1/customers/nobody/accounts/${randomUUID()}`, account)).status).toBe(404);
  });

  it('may change currency and type until it has postings or is published, its name always', async () => {
    const { customerId, accountId } = await api.makeAccount();
    const path = `/v1/customers/${customerId}/accounts/${accountId}`;
    expect((await put(path, { ...account, currency: 'JPY', type: 'credit_card' })).status).toBe(200);
    expect((await put(path, account)).status).toBe(200);
    await api.call('POST', `/v1/accounts/${accountId}/transactions`, {
      json: { transactions: [transaction('1')] },
    });
    for (const change of [{ currency: 'JPY' }, { type: 'credit_card' }]) {
      const answer = await put(path, { ...account, ...change });
      expect([answer.status, answer.body.code]).toEqual([409, 'account_in_use']);
    }
    expect((await put(path, { ...account, name: 'Renamed' })).body.name).toBe('Renamed');
    const published = await api.makeAccount();
    await api.makeFeed(published);
    const publishedPath = `/v1/customers/${published.customerId}/accounts/${published.accountId}`;
    expect((await put(publishedPath, { ...account, currency: 'USD' })).status).toBe(409);
  });

  it.each([
    [{ ...account, currency: 'eur' }, '/currency'],
    [{ ...account, currency: 'XQQ' }, '/currency'],
    [{ ...account, type: 'savings' }, '/type'],
    [{ ...account, number: '12' }, '/number'],
    [{ ...account, number: '1234\u0000' }, '/number'],
    [{ ...account, opened_on: '2025-02-29' }, '/opened_on'],
    [{ ...account, opened_on: '0000-01-01' }, '/opened_on'],
    [{ ...account, balance: 1 }, '/balance'],
  ])('is refused with a pointer to the error: %j', async (body, pointer) => {
    const { customerId } = await api.makeAccount();
    const answer = await put(`/v1/customers/${customerId}/accounts/${randomUUID()}`, body);
    expect([answer.status, answer.body.errors[0]!.pointer]).toEqual([422, pointer]);
  });
});

describe('a caller', () => {
  it('without a known token is 401, of the other role 403, on every route', async () => {
    const calls: [string, string, 'core' | 'ops' | 'both'][] = [
      ['PUT', '/v1/customers/x', 'core'],
      ['PUT', '/v1/customers/x/accounts/y', 'core'],
      ['POST', '/v1/customers/x/connections', 'core'],
      ['GET', '/v1/customers/x/connections', 'both'],
      ['POST', '/v1/accounts/x/transactions', 'core'],
      ['GET', '/v1/feeds', 'both'],
      ['GET', `/v1/feeds/${randomUUID()}`, 'both'],
      ['GET', `/v1/feeds/${randomUUID()}/timeline`, 'ops'],
      ['GET', `/v1/feeds/${randomUUID()}/batches`, 'ops'],
      ['GET', `/v1/feeds/${randomUUID()}/transactions`, 'ops'],
      ['POST', `/v1/feeds/${randomUUID()}/pause`, 'ops'],
      ['POST', `/v1/feeds/${randomUUID()}/resume`, 'ops'],
      ['POST', `/v1/feeds/${randomUUID()}/sync`, 'ops'],
      ['POST', `/v1/feeds/${randomUUID()}/close`, 'ops'],
      ['GET', `/v1/commands/${randomUUID()}`, 'both'],
    ];
    for (const [method, path, allowed] of calls) {
      const anonymous = await api.call(method, path, { role: 'none' });
      expect([path, anonymous.status, anonymous.headers.get('WWW-Authenticate')]).toEqual([
        path,
        401,
        'Bearer',
      ]);
      for (const Authorization of [
        'Bearer wrong',
        tokens.core,
        `Basic ${tokens.core}`,
        `Bearer ${tokens.core}x`,
      ]) {
        const answer = await api.call(method, path, { role: 'none', headers: { Authorization } });
        expect([path, answer.status]).toEqual([path, 401]);
      }
      for (const role of ['core', 'ops'] as const) {
        const { status } = await api.call(method, path, { role });
        if (allowed === 'both' || allowed === role)
          expect([path, role, [401, 403].includes(status)]).toEqual([path, role, false]);
        else expect([path, role, status]).toEqual([path, role, 403]);
      }
    }
  });
});
