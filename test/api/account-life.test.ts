import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { addDays, latestDayAnywhere, todayIn } from '../../src/domain/booking-day.js';
import { startApi, transaction, type ApiFixture } from './machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());
beforeEach(() => {
  api.facade.calls.length = 0;
});

interface Account {
  readonly customerId: string;
  readonly accountId: string;
}

const today = () => todayIn(null, Date.now());
const pathOf = ({ customerId, accountId }: Account) => `/v1/customers/${customerId}/accounts/${accountId}`;
const put = (account: Account, change: Record<string, unknown> = {}) =>
  api.call('PUT', pathOf(account), { json: { name: 'Current', type: 'bank', currency: 'EUR', ...change } });
const send = (account: Account, ...transactions: Record<string, unknown>[]) =>
  api.call('POST', `/v1/accounts/${account.accountId}/transactions`, { json: { transactions } });
const closedFeed = (account: Account, change: Record<string, unknown> = {}) =>
  api.makeFeed({ ...account, account_status: 'active', state: 'closed', operator: 'closed', ...change });
const signals = () => api.facade.calls.map(({ name, input }) => [name, (input as { feedId: string }).feedId]);

async function timelineOf({ customerId }: Account): Promise<unknown[]> {
  const answer = await api.call('GET', `/v1/customers/${customerId}/timeline`, { role: 'ops' });
  return (answer.body['timeline'] as { kind: string; detail: unknown }[])
    .map(({ kind, detail }) => ({ kind, detail }))
    .reverse();
}

describe('closing an account', () => {
  it.each([
    ['its own path', ({ accountId }: Account) => `/v1/accounts/${accountId}`],
    ["its customer's path", pathOf],
  ])(
    'by %s closes it today, keeps its data and notifies its feeds; a repeat changes nothing',
    async (_, path) => {
      const account = await api.makeAccount();
      const feedId = await api.makeFeed({ ...account, account_status: 'active', state: 'live' });
      await send(account, transaction('t1'));
      api.facade.calls.length = 0;
      const answer = await api.call('DELETE', path(account));
      expect([answer.status, answer.body]).toMatchObject([
        200,
        { account_id: account.accountId, closed_on: today(), name: 'Current' },
      ]);
      expect(signals()).toContainEqual(['feedFactsChanged', feedId]);
      const again = await api.call('DELETE', path(account));
      expect([again.status, again.body]).toEqual([200, answer.body]);
      expect((await api.call('GET', `/v1/accounts/${account.accountId}`)).body).toMatchObject(answer.body);
      expect(await timelineOf(account)).toEqual([
        { kind: 'account_closed', detail: { account_id: account.accountId, closed_on: today() } },
      ]);
      const rows = await api.rows(`SELECT 1 FROM postings WHERE account_id = $1`, [account.accountId]);
      expect(rows).toHaveLength(1);
    },
  );

  it('that does not exist, or is not of the customer, is 404, and operators may not', async () => {
    const account = await api.makeAccount();
    const { customerId } = await api.makeAccount();
    expect((await api.call('DELETE', '/v1/accounts/unknown')).status).toBe(404);
    expect((await api.call('DELETE', pathOf({ ...account, customerId }))).status).toBe(404);
    expect((await api.call('DELETE', pathOf(account), { role: 'ops' })).status).toBe(403);
    expect((await api.call('GET', `/v1/accounts/${account.accountId}`)).body).toMatchObject({
      closed_on: null,
    });
  });

  it.each(['2019-01-01', '2099-12-31'])('with PUT takes a day in the past or the future: %s', async (day) => {
    const account = await api.makeAccount();
    expect((await put(account, { closed_on: day })).body).toMatchObject({ closed_on: day });
  });

  it.each([
    [{ closed_on: '2026-02-30' }, '/closed_on'],
    [{ closed_on: '1700-01-01' }, '/closed_on'],
    [{ closed_on: '2026-01-01T00:00:00Z' }, '/closed_on'],
    [{ closed_on: '2026-01-01', opened_on: '2026-01-02' }, '/closed_on'],
    [{ closed_on: null }, '/closed_on'],
  ])('with PUT %j is 422 at %s', async (change, pointer) => {
    const answer = await put(await api.makeAccount(), change);
    expect([answer.status, answer.body.errors[0]?.pointer]).toEqual([422, pointer]);
  });
});

describe('opened_on', () => {
  const latest = () => latestDayAnywhere(Date.now());

  it('may be today anywhere on earth', async () => {
    const day = latest();
    const answer = await put(await api.makeAccount(), { opened_on: day });
    expect([answer.status, answer.body['opened_on']]).toEqual([200, day]);
  });

  it('in the future is 422 and names the latest day, while closed_on may lie there', async () => {
    const account = await api.makeAccount();
    const future = addDays(latest(), 1);
    const answer = await put(account, { opened_on: future, closed_on: future });
    expect([answer.status, answer.body.errors]).toEqual([
      422,
      [
        {
          pointer: '/opened_on',
          message: expect.stringMatching(
            /^is in the future: the latest day that has begun anywhere on earth is \d{4}-\d\d-\d\d$/,
          ) as string,
        },
      ],
    ]);
    expect((await put(account, { opened_on: latest(), closed_on: future })).status).toBe(200);
  });

  it('that is no day is reported once', async () => {
    const answer = await put(await api.makeAccount(), { opened_on: 'tomorrow' });
    expect([answer.status, answer.body.errors]).toMatchObject([422, [{ pointer: '/opened_on' }]]);
    expect(answer.body.errors).toHaveLength(1);
  });
});

describe('an account that opens again', () => {
  it('by PUT without closed_on notifies the feeds that closed with it, and no others', async () => {
    const account = await api.makeAccount();
    await put(account, { closed_on: '2026-01-01' });
    const byAccount = await closedFeed(account, { closed_by: 'account', examined_sequence: 7 });
    await closedFeed(account, { closed_by: 'request' });
    await closedFeed(account, { closed_by: 'connection' });
    api.facade.calls.length = 0;
    expect((await put(account)).body).toMatchObject({ closed_on: null });
    expect(signals()).toEqual([['feedFactsChanged', byAccount]]);
    const [feed] = await api.rows(`SELECT examined_sequence FROM feeds WHERE feed_id = $1`, [byAccount]);
    expect(feed).toEqual({ examined_sequence: '0' });
    expect((await timelineOf(account)).at(-1)).toEqual({
      kind: 'account_opened_again',
      detail: { account_id: account.accountId },
    });
  });

  it('by a repeated PUT notifies the feed again while it is closed: the first call may have died', async () => {
    const account = await api.makeAccount();
    await put(account, { closed_on: '2026-01-01' });
    const feedId = await closedFeed(account, { closed_by: 'account' });
    await put(account);
    api.facade.calls.length = 0;
    await put(account);
    expect(signals()).toEqual([['feedFactsChanged', feedId]]);
    expect(await timelineOf(account)).toHaveLength(2);
    await api.rows(`UPDATE feeds SET operator = 'running', closed_by = NULL WHERE feed_id = $1`, [feedId]);
    api.facade.calls.length = 0;
    await put(account);
    expect(signals()).toEqual([]);
  });
});

it('a PUT that changes nothing of the life of an open account wakes no feed', async () => {
  const account = await api.makeAccount();
  await api.makeFeed({ ...account, account_status: 'active', state: 'live' });
  await put(account, { name: 'Renamed' });
  expect(signals()).toEqual([]);
});

describe('transactions of a closed account', () => {
  it('are taken up to its last day, and rejected after it with the way out', async () => {
    const account = await api.makeAccount();
    await put(account, { closed_on: '2026-02-03' });
    const answer = await send(
      account,
      transaction('last', { posted_at: '2026-02-03T23:59:59Z' }),
      transaction('after', { posted_at: '2026-02-04T00:00:00Z' }),
    );
    expect([answer.status, answer.body]).toMatchObject([200, { accepted: 1, rejected_total: 1 }]);
    const [rejected] = answer.body.rejected as unknown as { transaction_id: string; reason: string }[];
    expect(rejected).toMatchObject({ transaction_id: 'after', index: 1 });
    expect(rejected?.reason).toMatch(/2026-02-04 is after the account was closed .*2026-02-03.*PUT/);
  });

  it('that were stored before it was closed are repeats, and can be withdrawn', async () => {
    const account = await api.makeAccount();
    const after = transaction('after', { posted_at: '2026-02-10T00:00:00Z' });
    await send(account, after);
    await put(account, { closed_on: '2026-02-03' });
    expect((await send(account, after)).body).toMatchObject({ repeated: 1, rejected_total: 0 });
    const withdrawal = await send(account, { ...after, status: 'void' });
    expect(withdrawal.body).toMatchObject({ accepted: 1, rejected_total: 0 });
  });

  it('wake the feeds that closed with it', async () => {
    const account = await api.makeAccount();
    await put(account, { closed_on: '2026-02-03' });
    const feedId = await closedFeed(account, { closed_by: 'account' });
    api.facade.calls.length = 0;
    await send(account, transaction('last', { posted_at: '2026-02-03T10:00:00Z' }));
    await expect.poll(signals).toEqual([['feedFactsChanged', feedId]]);
  });
});

describe('an account that replaces another', () => {
  it('names it, and the timeline says so once', async () => {
    const old = await api.makeAccount();
    const account = { ...old, accountId: `new-${randomUUID()}` };
    const created = await put(account, { replaces: old.accountId });
    expect([created.status, created.body]).toMatchObject([201, { replaces: old.accountId }]);
    await put(account, { replaces: old.accountId });
    expect(await timelineOf(account)).toEqual([
      { kind: 'account_replaces', detail: { account_id: account.accountId, replaces: old.accountId } },
    ]);
    expect((await put(account)).body).toMatchObject({ replaces: null });
  });

  it('cannot be itself, unknown, of another customer, or one that replaces it, also through others', async () => {
    const first = await api.makeAccount();
    const second = { ...first, accountId: `second-${randomUUID()}` };
    const third = { ...first, accountId: `third-${randomUUID()}` };
    await put(second, { replaces: first.accountId });
    await put(third, { replaces: second.accountId });
    const strange = await api.makeAccount();
    const wrong = [first.accountId, 'unknown', strange.accountId, second.accountId, third.accountId];
    for (const replaces of wrong) {
      const answer = await put(first, { replaces });
      expect([replaces, answer.status, answer.body.errors[0]?.pointer]).toEqual([replaces, 422, '/replaces']);
    }
    expect((await api.call('GET', `/v1/accounts/${first.accountId}`)).body).toMatchObject({ replaces: null });
  });

  it('and the other one cannot name each other at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const one = await api.makeAccount();
      const two = { ...one, accountId: `two-${randomUUID()}` };
      await put(two);
      const answers = await Promise.all([
        put(one, { replaces: two.accountId }),
        put(two, { replaces: one.accountId }),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 422]);
    }
  });
});

it('an account whose last day is in the future is open until then, in answers and for its feeds', async () => {
  const account = await api.makeAccount();
  const tomorrow = addDays(today(), 1);
  await put(account, { closed_on: tomorrow });
  const answer = await send(account, transaction('t', { posted_at: `${today()}T00:00:00Z` }));
  expect(answer.body).toMatchObject({ accepted: 1 });
  expect((await api.call('DELETE', pathOf(account))).body).toMatchObject({ closed_on: today() });
});
