import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { feedActions, type FeedState } from '../../../src/domain/feed.js';
import { startApi, transaction, type ApiFixture } from '../machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());
beforeEach(() => {
  api.facade.calls.length = 0;
});

const running = ['pause', 'resume', 'sync', 'close'];

/** Each state by the facts that make it, and what may be asked for in it. */
const table: { state: FeedState; facts: Record<string, unknown>; refused?: true; allowed: string[] }[] = [
  { state: 'created', facts: { published_at: null }, allowed: running },
  { state: 'awaiting_activation', facts: {}, allowed: running },
  { state: 'backfilling', facts: { account_status: 'active' }, allowed: [...running, 'resync'] },
  {
    state: 'syncing',
    facts: { account_status: 'active', caught_up_at: new Date(), syncing: true },
    allowed: [...running, 'resync'],
  },
  {
    state: 'live',
    facts: { account_status: 'active', caught_up_at: new Date() },
    allowed: [...running, 'resync'],
  },
  {
    state: 'paused',
    facts: { account_status: 'active', operator: 'paused' },
    allowed: ['pause', 'resume', 'close', 'resync'],
  },
  { state: 'paused', facts: { operator: 'paused' }, allowed: ['pause', 'resume', 'close'] },
  {
    state: 'paused',
    facts: { account_status: 'active', operator: 'paused' },
    refused: true,
    allowed: ['pause', 'resume', 'close'],
  },
  { state: 'reauth_required', facts: { account_status: 'active' }, refused: true, allowed: running },
  { state: 'disconnected', facts: { account_status: 'inactive' }, allowed: running },
  { state: 'closed', facts: { account_status: 'active', operator: 'closed' }, allowed: ['close'] },
];

async function feedIn(row: (typeof table)[number]): Promise<string> {
  const account = await api.makeAccount();
  const feedId = await api.makeFeed({ ...account, ...row.facts, state: row.state });
  if (row.refused) {
    await api.pool.query(
      `UPDATE connections SET status = 'refused'
        WHERE connection_id = (SELECT connection_id FROM feeds WHERE feed_id = $1)`,
      [feedId],
    );
  }
  return feedId;
}

const bodies: Record<string, unknown> = {
  resync: { from: '2026-02-01' },
  'abandon-job': { reason: 'it never ends' },
  'resolve-batch': { outcome: 'delivered', reason: 'seen in Sage' },
  transactions: { transactions: [{}] },
  balances: { current: '1', as_of: '2026-02-01T00:00:00Z' },
};

const ask = (feedId: string, action: string) =>
  api.call('POST', `/v1/feeds/${feedId}/${action}`, {
    role: 'ops',
    ...(action in bodies ? { json: bodies[action] } : {}),
  });

const wrong = table.flatMap((row) =>
  feedActions.filter((action) => !row.allowed.includes(action)).map((action) => ({ ...row, action })),
);

describe('an action in a state that does not allow it', () => {
  it.each(wrong)(
    '$action of a feed that is $state ($facts) is 409 with the state and what is allowed',
    async (row) => {
      const feedId = await feedIn(row);
      const answer = await ask(feedId, row.action);
      expect(answer.body).toMatchObject({
        status: 409,
        code: 'wrong_state',
        state: row.state,
        allowed_actions: row.allowed,
      });
      expect(api.facade.calls).toEqual([]);
      expect(await api.rows(`SELECT 1 FROM timeline WHERE feed_id = $1`, [feedId])).toEqual([]);
      expect(await api.rows(`SELECT 1 FROM commands WHERE input ->> 'feed_id' = $1`, [feedId])).toEqual([]);
    },
  );

  it.each(table)('a feed that is $state ($facts) lists the actions that it allows', async (row) => {
    const answer = await api.call('GET', `/v1/feeds/${await feedIn(row)}`, { role: 'ops' });
    expect([answer.body['state'], answer.body['allowed_actions']]).toEqual([row.state, row.allowed]);
  });
});

describe('an id of another customer', () => {
  /** A request for each route, with ids of two customers mixed. */
  it('is 404 on every route that names a customer', async () => {
    const [mine, theirs] = [await api.makeAccount(), await api.makeAccount()];
    const named = api.routes.filter(({ path }) => path.includes('{customer_id}'));
    const seen = named.map(({ method, path }) => `${method} ${path}`).sort();
    expect(seen).toEqual([
      'delete /v1/customers/{customer_id}/accounts/{account_id}',
      'get /v1/customers/{customer_id}',
      'get /v1/customers/{customer_id}/accounts',
      'get /v1/customers/{customer_id}/connections',
      'get /v1/customers/{customer_id}/timeline',
      'post /v1/customers/{customer_id}/connections',
      'put /v1/customers/{customer_id}',
      'put /v1/customers/{customer_id}/accounts/{account_id}',
    ]);
    const unknown = randomUUID();
    for (const path of ['', '/accounts', '/connections']) {
      expect((await api.call('GET', `/v1/customers/${unknown}${path}`)).status).toBe(404);
    }
    const closed = await api.call('DELETE', `/v1/customers/${mine.customerId}/accounts/${theirs.accountId}`);
    expect(closed.status).toBe(404);
    const timeline = await api.call('GET', `/v1/customers/${unknown}/timeline`, { role: 'ops' });
    expect(timeline.status).toBe(404);
    expect((await api.call('POST', `/v1/customers/${unknown}/connections`, { json: {} })).status).toBe(404);
    const account = { name: 'Current', type: 'bank', currency: 'EUR' };
    const moved = await api.call('PUT', `/v1/customers/${mine.customerId}/accounts/${theirs.accountId}`, {
      json: account,
    });
    // A conflict, not unknown: the id is unique in the installation, and nothing of the other customer is shown or changed.
    expect([moved.status, moved.body.code]).toEqual([409, 'account_of_other_customer']);
    expect(moved.text).not.toContain(theirs.customerId);
  });

  it('lists nothing of it under the own customer', async () => {
    const [mine, theirs] = [await api.makeAccount(), await api.makeAccount()];
    const feedId = await api.makeFeed(theirs);
    const query = `customer_id=${mine.customerId}&account_id=${theirs.accountId}`;
    expect((await api.call('GET', `/v1/feeds?${query}`)).body.feeds).toEqual([]);
    const connections = await api.call('GET', `/v1/customers/${mine.customerId}/connections`);
    expect(connections.body['connections']).toEqual([]);
    expect((await api.call('GET', `/v1/feeds?customer_id=${theirs.customerId}`)).body.feeds).toMatchObject([
      { feed_id: feedId },
    ]);
  });

  it('of a posting is 404 for decisions about another account’s feed', async () => {
    const [mine, theirs] = [await api.makeAccount(), await api.makeAccount()];
    const feedId = await api.makeFeed(mine);
    await api.call('POST', `/v1/accounts/${theirs.accountId}/transactions`, {
      json: { transactions: [transaction('theirs')] },
    });
    for (const decision of ['release', 'discard']) {
      const path = `/v1/feeds/${feedId}/quarantine/theirs/${decision}`;
      expect((await api.call('POST', path, { role: 'ops', json: { reason: 'x' } })).status).toBe(404);
    }
  });

  it('unknown is 404 on every route below a feed, an account or a command, for whoever may call it', async () => {
    const unknown = randomUUID();
    for (const route of api.routes) {
      if (!/\{(feed|account|command)_id\}/.test(route.path) || route.method === 'put') continue;
      const path = route.path.replaceAll(/\{\w+_id\}/g, unknown);
      const action = path.split('/').at(-1) ?? '';
      const ofList = route.path.endsWith(`/quarantine/${action}`)
        ? { transaction_ids: ['x'], reason: 'x' }
        : undefined;
      const json = route.method === 'get' ? {} : { json: ofList ?? bodies[action] ?? { reason: 'x' } };
      const takesBody = 'bodies' in route || route.body !== undefined;
      const role = route.roles[0] ?? 'ops';
      const answer = await api.call(route.method.toUpperCase(), path, { role, ...(takesBody ? json : {}) });
      expect([route.method, route.path, answer.status]).toEqual([route.method, route.path, 404]);
    }
  });
});
