import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiFixture } from './machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

/** All pages of a list, each of at most `limit` rows. */
async function pagesOf(path: string, field: string, limit: number): Promise<Record<string, unknown>[][]> {
  const pages: Record<string, unknown>[][] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(limit), ...(cursor === null ? {} : { cursor }) });
    const answer = await api.call('GET', `${path}?${query.toString()}`);
    expect(answer.status).toBe(200);
    pages.push(answer.body[field] as Record<string, unknown>[]);
    cursor = answer.body.next_cursor;
  } while (cursor !== null);
  return pages;
}

const sorted = (ids: readonly string[]) => [...ids].sort();

describe('customers', () => {
  it('are read one by one with what PUT answered, by core banking and operators', async () => {
    const path = `/v1/customers/${randomUUID()}`;
    const put = await api.call('PUT', path, {
      json: { name: 'Bakery', username: `u-${randomUUID()}`, password: 'correct horse' },
    });
    for (const role of ['core', 'ops'] as const) {
      const got = await api.call('GET', path, { role });
      expect([got.status, got.body]).toEqual([200, put.body]);
      expect(got.text).not.toMatch(/argon2|password/);
    }
    expect((await api.call('GET', path, { role: 'none' })).status).toBe(401);
  });

  it('are listed page by page, each once, whatever their ids contain', async () => {
    const odd = ['a/b', 'ä', '漢'.repeat(255), 'x'.repeat(255), '%', ' y'.trim(), '.'];
    const mine = odd.map((id) => (id.length < 255 ? `${id}-${randomUUID()}` : id));
    for (const id of mine) {
      const put = await api.call('PUT', `/v1/customers/${encodeURIComponent(id)}`, { json: { name: 'N' } });
      expect(put.status).toBe(201);
    }
    const pages = await pagesOf('/v1/customers', 'customers', 2);
    const ids = pages.flat().map((customer) => String(customer['customer_id']));
    expect(pages.every((page) => page.length <= 2)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    expect(sorted(ids.filter((id) => mine.includes(id)))).toEqual(sorted(mine));
  });

  it.each(['/v1/customers/unknown', '/v1/customers/unknown/accounts', '/v1/accounts/unknown'])(
    'and accounts that do not exist are 404: %s',
    async (path) => {
      const answer = await api.call('GET', path);
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
    },
  );

  it.each(['cursor=%21', 'cursor=AAAA', 'limit=0', 'limit=201', 'order=name', 'cursor=YQ&cursor=YQ'])(
    'are not listed with the query %s: 400',
    async (query) => {
      expect((await api.call('GET', `/v1/customers?${query}`)).status).toBe(400);
    },
  );
});

describe('accounts', () => {
  it('are read one by one with what PUT answered, and never with their number', async () => {
    const { customerId } = await api.makeAccount();
    const accountId = `acc-${randomUUID()}`;
    const put = await api.call('PUT', `/v1/customers/${customerId}/accounts/${accountId}`, {
      json: { name: 'Current', type: 'bank', currency: 'GBP', number: '12345678' },
    });
    const got = await api.call('GET', `/v1/accounts/${accountId}`, { role: 'ops' });
    const none = { count: 0, first_at: null, last_at: null };
    const ingestion_problems = { rejected: none, conflicting: none, contradicting: none };
    expect([got.status, got.body]).toEqual([200, { ...put.body, ingestion_problems }]);
    expect(got.body['number_last4']).toBe('5678');
    expect(got.text).not.toContain('12345678');
  });

  it('of a customer are listed page by page, and no others', async () => {
    const { customerId, accountId } = await api.makeAccount();
    await api.makeAccount();
    const ids = [accountId];
    for (let count = 0; count < 4; count += 1) {
      const id = `acc-${randomUUID()}`;
      ids.push(id);
      await api.call('PUT', `/v1/customers/${customerId}/accounts/${id}`, {
        json: { name: 'Savings', type: 'bank', currency: 'EUR' },
      });
    }
    const pages = await pagesOf(`/v1/customers/${customerId}/accounts`, 'accounts', 2);
    expect(pages.map((page) => page.length)).toEqual([2, 2, 1]);
    expect(sorted(pages.flat().map((account) => String(account['account_id'])))).toEqual(sorted(ids));
  });
});

describe('connections', () => {
  it('are read one by one as the list shows them, without their token', async () => {
    const account = await api.makeAccount();
    await api.makeFeed({ ...account, account_status: 'active' });
    const list = await api.call('GET', `/v1/customers/${account.customerId}/connections`);
    const [listed] = list.body['connections'] as Record<string, unknown>[];
    const got = await api.call('GET', `/v1/connections/${String(listed?.['connection_id'])}`, {
      role: 'ops',
    });
    expect([got.status, got.body]).toEqual([200, listed]);
    expect(got.body).toMatchObject({ customer_id: account.customerId, channel: 'rutter', linked_feeds: 1 });
    expect(got.text).not.toContain('sealed');
  });

  it('of a customer are listed page by page, oldest first', async () => {
    const account = await api.makeAccount();
    const made: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      const [feed] = await api.rows<{ connection_id: string }>(
        `SELECT connection_id FROM feeds WHERE feed_id = $1`,
        [await api.makeFeed(account)],
      );
      made.push(feed?.connection_id ?? '');
    }
    const path = `/v1/customers/${account.customerId}/connections`;
    const pages = await pagesOf(path, 'connections', 2);
    expect(pages.map((page) => page.length)).toEqual([2, 1]);
    expect(pages.flat().map((connection) => connection['connection_id'])).toEqual(made);
    expect((await api.call('GET', path)).body).toMatchObject({ next_cursor: null });
  });

  it('that do not exist are 404, whatever the form of the id', async () => {
    for (const id of [randomUUID(), 'unknown', randomUUID().toUpperCase()]) {
      expect((await api.call('GET', `/v1/connections/${id}`)).status).toBe(404);
    }
  });
});
