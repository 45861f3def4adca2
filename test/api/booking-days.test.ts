import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiFixture } from './machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => {
  await api.stop();
});

interface Zones {
  readonly account?: string;
  readonly customer?: string;
}

async function makeAccount(zones: Zones = {}): Promise<{ customerId: string; accountId: string }> {
  const customerId = `c-${randomUUID()}`;
  const accountId = `a-${randomUUID()}`;
  const customer = await api.call('PUT', `/v1/customers/${customerId}`, {
    role: 'core',
    json: { name: 'Northgate Trading', time_zone: zones.customer ?? null },
  });
  const account = await putAccount({ customerId, accountId }, zones.account);
  expect([customer.status, account.status]).toEqual([201, 201]);
  return { customerId, accountId };
}

const putAccount = (ids: { customerId: string; accountId: string }, timeZone?: string) =>
  api.call('PUT', `/v1/customers/${ids.customerId}/accounts/${ids.accountId}`, {
    role: 'core',
    json: { name: 'Main', type: 'bank', currency: 'GBP', time_zone: timeZone },
  });

function item(id: string, change: object = {}): object {
  return {
    transaction_id: id,
    posted_at: '2026-02-01T23:30:00Z',
    amount: '-12.50',
    description: 'Card payment',
    transaction_type: 'debit',
    ...change,
  };
}

const send = (ids: { accountId: string }, ...transactions: object[]) =>
  api.call('POST', `/v1/accounts/${ids.accountId}/transactions`, { role: 'core', json: { transactions } });

async function storedDays(ids: { accountId: string }): Promise<unknown[]> {
  return await api.rows(
    `SELECT transaction_id AS id, booking_day AS day, send_at AS sent FROM postings WHERE account_id = $1 ORDER BY sequence`,
    [ids.accountId],
  );
}

describe('the booking day of a transaction', () => {
  it.each([
    ['as written, without a zone', {}, '2026-02-01', '2026-02-01T23:30:00.000Z'],
    ['in the zone of the account', { account: 'Europe/Berlin' }, '2026-02-02', '2026-02-02T12:00:00.000Z'],
    ['in the zone of the customer', { customer: 'Europe/Berlin' }, '2026-02-02', '2026-02-02T12:00:00.000Z'],
    [
      "in the zone of the account before the customer's",
      { account: 'America/New_York', customer: 'Europe/Berlin' },
      '2026-02-01',
      '2026-02-01T23:30:00.000Z',
    ],
  ])('is its day %s', async (_name, zones: Zones, day, sent) => {
    const ids = await makeAccount(zones);
    expect((await send(ids, item('t'))).body).toMatchObject({ accepted: 1 });
    expect(await storedDays(ids)).toEqual([{ id: 't', day, sent }]);
  });

  it('is that of the installation where neither has a zone', async () => {
    const bank = await startApi({ bankTimeZone: 'Asia/Tokyo' });
    try {
      const { accountId } = await bank.makeAccount();
      await bank.call('POST', `/v1/accounts/${accountId}/transactions`, {
        role: 'core',
        json: { transactions: [item('t')] },
      });
      expect(
        await bank.rows(`SELECT booking_day AS day FROM postings WHERE account_id = $1`, [accountId]),
      ).toEqual([{ day: '2026-02-02' }]);
    } finally {
      await bank.stop();
    }
  });

  it('is the given one, or the date alone', async () => {
    const ids = await makeAccount({ account: 'Europe/Berlin' });
    const answer = await send(
      ids,
      item('given', { booking_date: '2026-01-15' }),
      item('alone', { posted_at: '2026-02-01' }),
      item('null', { booking_date: null }),
    );
    expect(answer.body).toMatchObject({ accepted: 3, rejected_total: 0 });
    expect(await storedDays(ids)).toEqual([
      { id: 'given', day: '2026-01-15', sent: '2026-01-15T12:00:00.000Z' },
      { id: 'alone', day: '2026-02-01', sent: '2026-02-01T12:00:00.000Z' },
      { id: 'null', day: '2026-02-02', sent: '2026-02-02T12:00:00.000Z' },
    ]);
  });

  it('that is none is rejected at its field', async () => {
    const ids = await makeAccount();
    const answer = await send(ids, item('bad', { booking_date: '2026-02-30' }), item('good'));
    expect(answer.body).toMatchObject({
      accepted: 1,
      rejected: [{ transaction_id: 'bad', pointer: '/transactions/0/booking_date' }],
    });
  });
});

describe('a transaction that is sent again', () => {
  const repeats: [string, object, object][] = [
    ['with the derived day as booking_date', {}, { booking_date: '2026-02-01' }],
    ['without the booking_date that is the derived day', { booking_date: '2026-02-01' }, {}],
    ['with another offset of the same instant', {}, { posted_at: '2026-02-02T01:30:00+02:00' }],
    ['at another time of the same day', {}, { posted_at: '2026-02-01T08:00:00Z' }],
    ['as its date alone', {}, { posted_at: '2026-02-01' }],
    ['with a time, after it came as a date alone', { posted_at: '2026-02-01' }, {}],
    ['without a booking_date, at the same instant', { booking_date: '2026-02-03' }, {}],
    [
      'at another time with the same booking_date',
      { booking_date: '2026-02-03' },
      { booking_date: '2026-02-03', posted_at: '2026-02-02T08:00:00Z' },
    ],
  ];
  it.each(repeats)('%s is a repeat', async (_name, first, second) => {
    const ids = await makeAccount();
    await send(ids, item('t', first));
    expect((await send(ids, item('t', second))).body).toMatchObject({
      accepted: 0,
      repeated: 1,
      conflicts_total: 0,
    });
    // In one call, too.
    const both = await makeAccount();
    expect((await send(both, item('t', first), item('t', second))).body).toMatchObject({
      accepted: 1,
      repeated: 1,
    });
  });

  const conflicts: [string, object, object][] = [
    ['with another booking_date', {}, { booking_date: '2026-02-02' }],
    ['on another day', {}, { posted_at: '2026-02-02T23:30:00Z' }],
    ['on another day alone', { posted_at: '2026-02-01' }, { posted_at: '2026-02-02' }],
    ['with a changed booking_date', { booking_date: '2026-02-03' }, { booking_date: '2026-02-04' }],
    ['on its day with another amount', {}, { amount: '-12.51', booking_date: '2026-02-01' }],
    ['at its instant with another text', {}, { description: 'Rent' }],
  ];
  it.each(conflicts)('%s is a conflict', async (_name, first, second) => {
    const ids = await makeAccount();
    await send(ids, item('t', first));
    const answer = await send(ids, item('t', second));
    expect(answer.body).toMatchObject({
      repeated: 0,
      conflicts: [{ transaction_id: 't', code: 'other_content' }],
    });
    const { body } = await api.call('GET', `/v1/accounts/${ids.accountId}/conflicts`, { role: 'ops' });
    expect(body.conflicts[0]).toMatchObject({
      stored: { booking_date: expect.stringMatching(/^2026-02-0\d$/) as string },
      received: { booking_date: expect.stringMatching(/^2026-02-0\d$/) as string },
    });
  });

  it('is a repeat after the zone of its account was changed, which new ones follow', async () => {
    const ids = await makeAccount({ account: 'Europe/Berlin' });
    await send(ids, item('old'));
    expect((await putAccount(ids, 'America/New_York')).body).toMatchObject({ time_zone: 'America/New_York' });
    expect((await send(ids, item('old'), item('new'))).body).toMatchObject({
      accepted: 1,
      repeated: 1,
      conflicts_total: 0,
    });
    expect(await storedDays(ids)).toEqual([
      { id: 'old', day: '2026-02-02', sent: '2026-02-02T12:00:00.000Z' },
      { id: 'new', day: '2026-02-01', sent: '2026-02-01T23:30:00.000Z' },
    ]);
  });

  it('is a repeat of a row that version 0.2.0 stored, whatever its day became', async () => {
    const ids = await makeAccount();
    await send(ids, item('t'));
    // As the upgrade reads its day in the zone of the bank.
    await api.rows(
      `UPDATE postings SET booking_day = '2026-02-02', send_at = '2026-02-02T12:00Z' WHERE account_id = $1`,
      [ids.accountId],
    );
    const again = await send(ids, item('t'), item('t', { booking_date: '2026-02-02' }));
    expect(again.body).toMatchObject({ repeated: 2, conflicts_total: 0 });
  });

  it('replaces a pending one each time that only its booking_date changes', async () => {
    const ids = await makeAccount();
    for (const day of ['2026-02-01', '2026-02-02', '2026-02-03']) {
      const answer = await send(ids, item('t', { status: 'pending', booking_date: day }));
      expect([day, answer.body.accepted]).toEqual([day, 1]);
    }
    expect(await storedDays(ids)).toEqual([{ id: 't', day: '2026-02-03', sent: '2026-02-03T12:00:00.000Z' }]);
  });
});

describe('a time zone', () => {
  it('is shown with customer and account, and removed when it is left out', async () => {
    const ids = await makeAccount({ account: 'Europe/London' });
    const account = () => api.call('GET', `/v1/accounts/${ids.accountId}`, { role: 'core' });
    expect((await account()).body.time_zone).toBe('Europe/London');
    await putAccount(ids);
    expect((await account()).body.time_zone).toBeNull();
  });

  it.each(['Europe/Atlantis', '+01:00', 'Z', '', 5])('that is %j is refused with 422', async (zone) => {
    const { customerId, accountId } = await makeAccount();
    for (const [path, json] of [
      [`/v1/customers/${customerId}`, { name: 'N' }],
      [`/v1/customers/${customerId}/accounts/${accountId}`, { name: 'M', type: 'bank', currency: 'GBP' }],
    ] as const) {
      const answer = await api.call('PUT', path, { role: 'core', json: { ...json, time_zone: zone } });
      expect([answer.status, answer.body.errors[0]?.pointer]).toEqual([422, '/time_zone']);
    }
  });
});
