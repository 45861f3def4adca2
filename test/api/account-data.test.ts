import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open } from '../../src/crypto/seal.js';
import { startApi, type ApiFixture } from './machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const bank = { name: 'Current', type: 'bank', currency: 'USD' };
const card = { name: 'Card', type: 'credit_card', currency: 'GBP' };
const put = (path: string, json: unknown) => api.call('PUT', path, { json });

async function newPath(accountId: string = randomUUID()): Promise<string> {
  const customer = `/v1/customers/${randomUUID()}`;
  await put(customer, { name: 'X' });
  return `${customer}/accounts/${accountId}`;
}

const putNew = async (json: unknown) => put(await newPath(), json);

describe('an account with all that a bank knows', () => {
  it("takes what the guide's Sage example sends, and shows what is stored", async () => {
    const facts = {
      routing_number: '123456789',
      line_of_business: 'small business',
      parent_account_id: '00000000-0000-0000-0000-000000000000',
      sort_code: '20-00-00',
      opened_on: '2020-02-29',
    };
    const answer = await putNew({
      ...bank,
      ...facts,
      number: '182237382',
      iban: 'de89 3704 0044 0532 0130 00',
      balances: { available: '1546.23', current: '1833.20', as_of: '2026-02-03T10:00:00+01:00' },
    });
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      ...facts,
      number_last4: '7382',
      number_masked: false,
      iban_last4: '3000',
      publishable: true,
      balances: { available: '1546.23', current: '1833.20', as_of: '2026-02-03T09:00:00.000Z' },
      credit_limit: null,
      differences: [],
    });
  });

  it('takes every fact of a credit card', async () => {
    const facts = {
      credit_limit: '10000',
      available_credit: '8000.50',
      last_statement_balance: '-1999.50',
      last_statement_date: '2026-01-31',
      minimum_payment_amount: '25.00',
      next_payment_amount: '1999.5',
      next_payment_date: '2026-02-28',
      past_due_amount: '0',
      purchases_apr: '19.9',
      finance_charges: '3.14',
    };
    const path = await newPath();
    const answer = await put(path, { ...card, ...facts });
    expect([answer.status, answer.body]).toEqual([201, expect.objectContaining(facts)]);
    const replaced = await put(path, { ...card, credit_limit: '12000' });
    expect(replaced.body).toMatchObject({
      credit_limit: '12000',
      purchases_apr: null,
      next_payment_date: null,
    });
  });

  it('stores a number without the blanks around it', async () => {
    const accountId = randomUUID();
    expect((await put(await newPath(accountId), { ...bank, number: ' ****1234 ' })).status).toBe(201);
    const [row] = await api.rows<{ number_sealed: string }>(
      `SELECT number_sealed FROM accounts WHERE account_id = $1`,
      [accountId],
    );
    expect(open(api.keyring, row!.number_sealed, { table: 'accounts', row: accountId })).toBe('****1234');
  });

  it('keeps number and IBAN sealed, and in no log', async () => {
    const accountId = randomUUID();
    const iban = 'GB29 NWBK 6016 1331 9268 19';
    const answer = await put(await newPath(accountId), { ...bank, iban });
    expect(answer.text).not.toContain('6016');
    const [row] = await api.rows<{ iban_sealed: string }>(`SELECT * FROM accounts WHERE account_id = $1`, [
      accountId,
    ]);
    expect(JSON.stringify(row)).not.toContain('60161331');
    const context = { table: 'accounts', row: accountId, column: 'iban' };
    expect(open(api.keyring, row!.iban_sealed, context)).toBe('GB29NWBK60161331926819');
    expect(api.logLines.join('')).not.toMatch(/6016\s?1331/);
  });

  it.each([
    ['****1234', '1234'],
    ['•••• 1234', '1234'],
    ['XXXX-XXXX-1234', '1234'],
  ])('takes %s as masked', async (number, last4) => {
    const answer = await putNew({ ...bank, number });
    expect([answer.status, answer.body]).toEqual([
      201,
      expect.objectContaining({ number_last4: last4, number_masked: true }),
    ]);
  });

  it.each([
    ['an amount of too many decimals', { ...card, credit_limit: '1.234' }, '/credit_limit'],
    ['an amount as a number', { ...card, credit_limit: 5 }, '/credit_limit'],
    ['an amount with a comma', { ...card, past_due_amount: '1,50' }, '/past_due_amount'],
    [
      'more digits than a JSON number carries',
      { ...card, credit_limit: '12345678901234.56' },
      '/credit_limit',
    ],
    [
      'balances beyond the currency',
      { ...bank, currency: 'JPY', balances: { current: '1.5' } },
      '/balances/current',
    ],
    ['balances of nothing', { ...bank, balances: { as_of: '2026-02-03T10:00:00Z' } }, '/balances'],
    [
      'balances of tomorrow',
      { ...bank, balances: { current: '1', as_of: '2999-01-01T00:00:00Z' } },
      '/balances/as_of',
    ],
    [
      'a moment without offset',
      { ...bank, balances: { current: '1', as_of: '2026-02-03T10:00:00' } },
      '/balances/as_of',
    ],
    ['an unknown kind of balance', { ...bank, balances: { current: '1', booked: '1' } }, '/balances/booked'],
    ['an IBAN with a wrong check digit', { ...bank, iban: 'DE89370400440532013001' }, '/iban'],
    ['an IBAN that is too short for its country', { ...bank, iban: 'DE8937040044053201300' }, '/iban'],
    ['a masked IBAN', { ...bank, iban: 'DE89 **** **** **** **30 00' }, '/iban'],
    ['a sort code of five digits', { ...bank, sort_code: '20000' }, '/sort_code'],
    ['a routing number with a slash', { ...bank, routing_number: '12/34' }, '/routing_number'],
    ['a date that does not exist', { ...card, next_payment_date: '2026-02-30' }, '/next_payment_date'],
    ['a rate with a sign', { ...card, purchases_apr: '19.9%' }, '/purchases_apr'],
    ['a negative rate', { ...card, purchases_apr: '-1' }, '/purchases_apr'],
    ['a card fact on a bank account', { ...bank, credit_limit: '100' }, '/credit_limit'],
    ['a card date on a bank account', { ...bank, last_statement_date: '2026-01-31' }, '/last_statement_date'],
    ['a number that shows nothing', { ...bank, number: '****' }, '/number'],
    ['an empty line of business', { ...bank, line_of_business: ' ' }, '/line_of_business'],
  ])('does not take %s, and says where', async (_case, body, pointer) => {
    const answer = await putNew(body);
    expect([answer.status, answer.body.errors.map((error) => error.pointer)]).toEqual([422, [pointer]]);
  });

  it('says of a card fact on a bank account what to do, for each of them', async () => {
    const { body } = await putNew({ ...bank, credit_limit: '100', purchases_apr: '1' });
    expect(body.errors.map(({ pointer }) => pointer)).toEqual(['/credit_limit', '/purchases_apr']);
    expect(body.errors[0]!.message).toMatch(/only for credit cards/);
  });

  it('cannot be its own parent', async () => {
    const accountId = randomUUID();
    const answer = await put(await newPath(accountId), { ...bank, parent_account_id: accountId });
    expect([answer.status, answer.body.errors[0]!.pointer]).toEqual([422, '/parent_account_id']);
  });
});

describe('balances', () => {
  async function newAccount(json: Record<string, unknown> = bank) {
    const accountId = `balances-${randomUUID()}`;
    const path = await newPath(accountId);
    await put(path, json);
    const post = (balances: unknown) =>
      api.call('POST', `/v1/accounts/${accountId}/balances`, { json: balances });
    return { path, post };
  }

  it('are updated alone, both together, without counting as a change of the account', async () => {
    const { path, post } = await newAccount();
    const before = await put(path, bank);
    const first = await post({ available: '5.00', current: '6.00', as_of: '2026-02-03T10:00:00Z' });
    expect([first.status, first.body]).toMatchObject([
      200,
      { updated: true, balances: { available: '5.00', current: '6.00', as_of: '2026-02-03T10:00:00.000Z' } },
    ]);
    const second = await post({ current: '7.00', as_of: '2026-02-03T10:00:01Z' });
    expect(second.body).toMatchObject({ balances: { available: null, current: '7.00' } });
    const [row] = await api.rows<{ updated_at: string }>(
      `SELECT updated_at FROM accounts WHERE account_id = $1`,
      [path.split('/').at(-1)],
    );
    expect(row!.updated_at).toBe(before.body['updated_at']);
  });

  it('of an older moment do not replace newer ones, whatever the call and the offset', async () => {
    const { path, post } = await newAccount();
    await post({ current: '2.00', as_of: '2026-02-03T10:00:00Z' });
    // The same moment may be corrected.
    expect((await post({ current: '3.00', as_of: '2026-02-03T11:00:00+01:00' })).body['updated']).toBe(true);
    const older = await post({ current: '1.00', as_of: '2026-02-03T10:30:00+01:00' });
    expect(older.body).toMatchObject({ updated: false, balances: { current: '3.00' } });
    const byPut = await put(path, { ...bank, balances: { current: '1.00', as_of: '2026-02-03T09:59:59Z' } });
    expect(byPut.body['balances']).toMatchObject({ current: '3.00' });
    const newer = await put(path, { ...bank, balances: { current: '4.00', as_of: '2026-02-03T10:00:01Z' } });
    expect(newer.body['balances']).toMatchObject({ current: '4.00' });
  });

  it('without a moment are those of now', async () => {
    const { post } = await newAccount();
    await post({ current: '2.00', as_of: '2026-02-03T10:00:00Z' });
    const answer = await post({ current: '3.00' });
    expect(answer.body['updated']).toBe(true);
    const { as_of: asOf } = answer.body['balances'] as { as_of: string };
    expect(Math.abs(Date.parse(asOf) - Date.now())).toBeLessThan(60_000);
  });

  it.each([
    ['1e19', 'has more than 18 digits before the decimal point'],
    ['12345678901234.56', 'has more than 15 significant digits'],
    ['1.234', 'has more than the 2 decimals of USD'],
    ['1,50', 'must be a decimal string'],
  ])('of %s are refused with what is wrong with them', async (current, message) => {
    const { post } = await newAccount();
    const answer = await post({ current });
    const errors = [{ pointer: '/current', message: expect.stringContaining(message) as string }];
    expect(answer).toMatchObject({ status: 422, body: { errors } });
  });

  it('end with a change of the currency', async () => {
    const { path, post } = await newAccount();
    await post({ current: '2.50', as_of: '2026-02-03T10:00:00Z' });
    expect((await put(path, { ...bank, currency: 'JPY' })).body['balances']).toBeNull();
    const given = await put(path, { ...bank, balances: { current: '1.25', as_of: '2026-02-03T09:00:00Z' } });
    expect(given.body['balances']).toMatchObject({ current: '1.25' });
  });

  it('are compared by their moment when many calls arrive at once', async () => {
    const { path, post } = await newAccount();
    const seconds = Array.from({ length: 20 }, (_, index) => index);
    await Promise.all(
      seconds.map((second) =>
        post({ current: String(second), as_of: `2026-02-03T10:00:${String(second).padStart(2, '0')}Z` }),
      ),
    );
    expect((await put(path, bank)).body['balances']).toMatchObject({ current: '19' });
  });

  it('stay when the account is put without them', async () => {
    const { path, post } = await newAccount();
    await post({ current: '2.00', as_of: '2026-02-03T10:00:00Z' });
    expect((await put(path, bank)).body['balances']).toMatchObject({ current: '2.00' });
  });

  it.each([
    [{ current: '1.005' }, '/current'],
    [{}, ''],
    [{ current: 1 }, '/current'],
    [{ current: '1', as_of: 'today' }, '/as_of'],
  ])('are refused with the place: %j', async (body, pointer) => {
    const { post } = await newAccount();
    const answer = await post(body);
    expect([answer.status, answer.body.errors[0]!.pointer]).toEqual([422, pointer]);
  });

  it('of an unknown account are 404, and an operator may not send any', async () => {
    expect((await api.call('POST', `/v1/accounts/nobody/balances`, { json: { current: '1' } })).status).toBe(
      404,
    );
    const asOperator = { role: 'ops', json: { current: '1' } } as const;
    expect((await api.call('POST', `/v1/accounts/nobody/balances`, asOperator)).status).toBe(403);
  });
});

describe("a currency that is not on Rutter's list", () => {
  it.each(['BYN', 'MRU', 'SLE', 'STN', 'VES', 'XCG', 'ZWG'])(
    '%s is refused with what to do',
    async (currency) => {
      if (!Intl.supportedValuesOf('currency').includes(currency)) return;
      const answer = await putNew({ ...bank, currency });
      expect([answer.status, answer.body.code, answer.body.errors[0]!.pointer]).toEqual([
        422,
        'currency_not_publishable',
        '/currency',
      ]);
      expect(answer.body.detail).toMatch(/Rutter.*"publishable": false/);
      const path = await newPath();
      expect((await put(path, { ...bank, currency, publishable: false })).body).toMatchObject({
        currency,
        publishable: false,
      });
      // Later calls say it, too.
      expect((await put(path, { ...bank, currency })).status).toBe(422);
      expect((await put(path, { ...bank, currency: 'EUR' })).body['publishable']).toBe(true);
      expect((await put(path, { ...bank, currency })).status).toBe(422);
    },
  );

  it('is none of the 182 that it has, old and crypto ones included', async () => {
    for (const currency of ['BYR', 'MRO', 'LVL', 'XXX', 'BTC', 'ETH', 'GBP']) {
      expect([currency, (await putNew({ ...bank, currency })).status]).toEqual([currency, 201]);
    }
  });

  it('stays with an account that had it before: its other fields can change', async () => {
    const accountId = randomUUID();
    const path = await newPath(accountId);
    await put(path, { ...bank, currency: 'BYR' });
    await api.rows(`UPDATE accounts SET currency = 'BYN' WHERE account_id = $1`, [accountId]);
    const answer = await put(path, { ...bank, currency: 'BYN', name: 'Renamed' });
    expect([answer.status, answer.body['name']]).toEqual([200, 'Renamed']);
    expect((await put(path, { ...bank, currency: 'SLE' })).status).toBe(422);
  });
});

describe('a change that Sage does not show', () => {
  it('is in the answer, in the view of the feed, and in the timeline of the customer', async () => {
    const { customerId, accountId } = await api.makeAccount();
    const feedId = await api.makeFeed({
      customerId,
      accountId,
      rutter_name: 'Current',
      rutter_currency: 'EUR',
    });
    const path = `/v1/customers/${customerId}/accounts/${accountId}`;
    const same = await put(path, { name: 'Current', type: 'bank', currency: 'EUR' });
    expect(same.body['differences']).toEqual([]);
    const renamed = await put(path, { name: 'Main', type: 'bank', currency: 'EUR' });
    expect(renamed.body['differences']).toEqual([{ feed_id: feedId, field: 'name', sage_shows: 'Current' }]);
    const feed = await api.call('GET', `/v1/feeds/${feedId}`);
    expect(feed.body['account_differences']).toEqual([{ field: 'name', sage_shows: 'Current' }]);
    await put(path, { name: 'Main again', type: 'bank', currency: 'EUR' });
    const timeline = await api.call('GET', `/v1/customers/${customerId}/timeline`, { role: 'ops' });
    expect(timeline.body['timeline']).toMatchObject([
      { kind: 'account_change_not_in_sage', feed_id: feedId, detail: { fields: ['name'] } },
    ]);
    expect(timeline.text).not.toContain('Main');
  });
});
