import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRateLimiter } from '../../src/db/rate-limiter.js';
import { createLoginThrottle } from '../../src/pages/sign-in/login-throttle.js';
import { throughPgbouncer } from '../support/through-pgbouncer.js';
import { startApi, transaction, type ApiFixture } from './machine-api-fixture.js';

describe.each(['session', 'transaction'] as const)('the API behind PgBouncer in %s mode', (mode) => {
  const pooler = throughPgbouncer(mode);
  let api: ApiFixture;
  beforeAll(async () => (api = await startApi({ reach: pooler.reach })));
  afterAll(async () => {
    await api.stop();
    await pooler.stop();
  });

  it('stores each posting of forty parallel calls once, and answers none of them 503', async () => {
    const { accountId } = await api.makeAccount();
    const path = `/v1/accounts/${accountId}/transactions`;
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, call) => {
        // Every second call repeats what another one sends at the same time.
        const first = Math.floor(call / 2) * 10;
        const transactions = Array.from({ length: 10 }, (_each, index) =>
          transaction(`p-${String(first + index)}`),
        );
        return api.call('POST', path, { json: { transactions } });
      }),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const [count] = await api.rows<{ n: number }>(
      'SELECT count(*)::int AS n FROM postings WHERE account_id = $1',
      [accountId],
    );
    expect(count?.n).toBe(200);
  });

  it('answers instants in UTC and stores a stream of any length', async () => {
    const { customerId, accountId } = await api.makeAccount();
    const feedId = await api.makeFeed({ customerId, accountId, last_synced_at: '2026-11-30T02:43:22.5Z' });
    const { body } = await api.call('GET', `/v1/feeds/${feedId}`);
    expect(JSON.stringify(body)).toContain('2026-11-30T02:43:22.500Z');
    const lines = Array.from(
      { length: 2_500 },
      (_, index) => `${JSON.stringify(transaction(`s-${String(index)}`))}\n`,
    );
    const answer = await api.call('POST', `/v1/accounts/${accountId}/transactions`, {
      raw: lines.join(''),
      headers: { 'Content-Type': 'application/x-ndjson' },
    });
    expect(answer.body).toMatchObject({ accepted: 2_500 });
  });

  it('counts failed sign-ins and takes turns at the limiter, whose statements have no session', async () => {
    const throttle = createLoginThrottle(api.pool);
    const admitted = [];
    for (let attempt = 0; attempt < 6; attempt += 1) {
      admitted.push((await throttle.admit({ username: mode, source: '198.51.100.7' })).admitted);
    }
    expect(admitted).toEqual([true, true, true, true, true, false]);
    const limiter = createRateLimiter({ pool: api.pool, name: mode });
    await Promise.all(Array.from({ length: 20 }, () => limiter.acquire({ priority: 'interactive' })));
  });

  it('is ready', async () => {
    const { status, body } = await api.call('GET', '/readyz', { role: 'none' });
    expect([status, body]).toMatchObject([200, { ready: true, causes: {} }]);
  });
});
