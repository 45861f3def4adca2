import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPool } from '../../src/db/pool.js';
import { isDatabaseUnavailable } from '../../src/db/unavailable.js';
import { startApi, transaction, type ApiFixture } from './machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

const open = (path: string) => api.call('GET', path, { role: 'none' });

describe('the service', () => {
  it('is ready only while database and Temporal answer, and keeps running without them', async () => {
    expect((await open('/readyz')).body).toEqual({
      ready: true,
      database: true,
      temporal: true,
      causes: {},
      degraded: [],
    });
    api.facade.onCall = () => Promise.reject(new Error('away'));
    const answers = [
      await open('/readyz'),
      await api.call('GET', '/readyz', { role: 'core' }),
      await api.call('GET', '/readyz', { role: 'ops' }),
    ];
    api.facade.onCall = () => Promise.resolve();
    const cause = { code: 'UNAVAILABLE', since: null };
    const body = { ready: false, database: true, temporal: false, degraded: [] };
    // The text is for operators: it may name hosts and roles.
    expect(answers.map((answer) => [answer.status, answer.body])).toEqual([
      [503, { ...body, causes: { temporal: cause } }],
      [503, { ...body, causes: { temporal: cause } }],
      [503, { ...body, causes: { temporal: { ...cause, text: 'Error: away' } } }],
    ]);
    expect((await open('/healthz')).body).toEqual({ status: 'ok' });
  });

  it('sends on every kind of answer: no COOP, no X-Frame-Options, no framing, no store, its request id', async () => {
    const answers = [
      await open('/healthz'),
      await open('/docs'),
      await open('/nowhere'),
      await open('/v1/feeds'),
      await api.call('GET', '/v1/feeds'),
      await api.call('GET', '/v1/feeds?x=1'),
      await api.call('DELETE', '/v1/feeds'),
      await api.call('GET', '/%zz'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 401, 200, 400, 405, 404]);
    for (const { headers } of answers) {
      expect(headers.has('Cross-Origin-Opener-Policy')).toBe(false);
      expect(headers.has('X-Frame-Options')).toBe(false);
      expect(headers.has('X-Powered-By')).toBe(false);
      expect(headers.get('Content-Security-Policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(headers.get('Cache-Control')).toBe('no-store');
      expect(headers.get('X-Request-Id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('answers a problem with a stable code and the request id that its log line has', async () => {
    const answer = await api.call('GET', '/v1/feeds/x');
    expect(answer.body).toMatchObject({
      type: 'urn:bankfeeds:problem:not_found',
      status: 404,
      code: 'not_found',
    });
    expect(answer.body.request_id).toBe(answer.headers.get('X-Request-Id'));
    await expect.poll(() => api.logLines.some((line) => line.includes(answer.body.request_id))).toBe(true);
  });

  it('answers an unexpected error with its request id only', async () => {
    await api.pool.query('ALTER TABLE feeds RENAME TO feeds_away');
    const answer = await api.call('GET', '/v1/feeds');
    await api.pool.query('ALTER TABLE feeds_away RENAME TO feeds');
    expect([answer.status, answer.body.code]).toEqual([500, 'internal']);
    expect(answer.text).not.toMatch(/feeds f|relation|SELECT|at /);
    expect(
      api.logLines.some((line) => line.includes(answer.body.request_id) && line.includes('unexpected')),
    ).toBe(true);
  });

  it('counts what it does, by route template', async () => {
    const { accountId } = await api.makeAccount();
    await api.call('POST', `/v1/accounts/${accountId}/transactions`, {
      json: { transactions: [transaction('1'), {}] },
    });
    const { text } = await open('/metrics');
    expect(text).toContain('bankfeeds_ingested_postings_total{result="accepted"} 1');
    expect(text).toContain('bankfeeds_ingested_postings_total{result="rejected"} 1');
    expect(text).toContain('route="/v1/accounts/:account_id/transactions",status="200"');
    expect(text).not.toContain(accountId);
  });

  it('shows in its metrics how long the repair job has not run, and the open alerts', async () => {
    await api.pool.query(
      `UPDATE repair_tasks SET ran_at = now() - interval '400 seconds' WHERE name = 'wakes'`,
    );
    await api.pool.query(`INSERT INTO alerts (code, subject) VALUES ('credentials_rejected', 'service')`);
    await api.pool.query(
      `INSERT INTO alerts (code, subject, ended_at) VALUES ('feed_late', 'over', now()), ('feed_late', 'too', now())`,
    );
    const { text } = await open('/metrics');
    expect(Number(/^bankfeeds_repair_age_seconds (\S+)$/m.exec(text)?.[1])).toBeGreaterThanOrEqual(400);
    expect(text).toContain('bankfeeds_alerts{code="credentials_rejected",severity="critical"} 1');
    expect(text).toContain('bankfeeds_alerts{code="feed_late",severity="critical"} 0');
  });
});

describe('the reference', () => {
  it('is an OpenAPI 3.1 document of every route, its references whole', async () => {
    const { body, text } = await open('/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    const paths = Object.entries(body.paths as Record<string, Record<string, { operationId?: string }>>);
    const calls = paths.flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(calls).toEqual(
      expect.arrayContaining([
        'put /v1/customers/{customer_id}',
        'put /v1/customers/{customer_id}/accounts/{account_id}',
        'post /v1/customers/{customer_id}/connections',
        'get /v1/customers/{customer_id}/connections',
        'post /v1/accounts/{account_id}/transactions',
        'get /v1/feeds',
        'get /v1/feeds/{feed_id}',
        'get /v1/feeds/{feed_id}/timeline',
        'get /v1/feeds/{feed_id}/batches',
        'get /v1/feeds/{feed_id}/transactions',
        'post /v1/feeds/{feed_id}/pause',
        'post /v1/feeds/{feed_id}/resume',
        'post /v1/feeds/{feed_id}/sync',
        'post /v1/feeds/{feed_id}/close',
        'get /v1/commands/{command_id}',
        'post /webhooks/rutter',
      ]),
    );
    const schemas = Object.keys((body.components as { schemas: object }).schemas);
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      expect(schemas).toContain(name);
    const ids = paths.flatMap(([, methods]) =>
      Object.values(methods).flatMap(({ operationId }) => operationId ?? []),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is a page without script and without anything from elsewhere', async () => {
    const { text, headers } = await open('/docs');
    expect(headers.get('Content-Security-Policy')).toMatch(/default-src 'none'; style-src 'sha256-/);
    expect(text).not.toMatch(/<script|<link|<img|src=|https?:\/\/(?!localhost)/);
    expect(text).toContain('/v1/accounts/{account_id}/transactions');
  });
});

describe('without a database', () => {
  it('every call answers 503 with Retry-After, and the process keeps running', async () => {
    const away = await startApi({ databaseUrl: 'postgres://nobody@127.0.0.1:1/none' });
    try {
      const transactions = [transaction('1')];
      for (const [method, path, json, role] of [
        ['PUT', '/v1/customers/x', { name: 'X' }, 'core'],
        ['POST', '/v1/accounts/x/transactions', { transactions }, 'core'],
        ['GET', '/v1/feeds', undefined, 'core'],
        ['POST', '/v1/feeds/00000000-0000-4000-8000-000000000000/pause', undefined, 'ops'],
      ] as const) {
        const answer = await away.call(method, path, { json, role });
        expect([path, answer.status, answer.body.code, answer.headers.get('Retry-After')]).toEqual([
          path,
          503,
          'database_unavailable',
          '5',
        ]);
      }
      expect((await away.call('GET', '/readyz')).body).toMatchObject({ ready: false, database: false });
      expect((await away.call('GET', '/healthz')).status).toBe(200);
    } finally {
      await away.stop();
    }
  });

  it('a connection that PostgreSQL drops counts as unavailable, whatever the driver’s message', async () => {
    const dropping = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => dropping.listen(0, resolve));
    const pool = createPool(
      `postgres://x@127.0.0.1:${(dropping.address() as AddressInfo).port}/x`,
      1,
      () => undefined,
    );
    const error: unknown = await pool.query('SELECT 1').catch((failure: unknown) => failure);
    expect(isDatabaseUnavailable(error)).toBe(true);
    await pool.end();
    dropping.close();
    expect(isDatabaseUnavailable(new Error('x'))).toBe(false);
    expect(isDatabaseUnavailable(Object.assign(new Error('x'), { code: '42P01' }))).toBe(false);
  });
});

describe('while the database takes no writes', () => {
  /** New sessions are read-only, and there are only new sessions. */
  async function setReadOnly(fixture: ApiFixture, value: 'on' | 'off') {
    const name = new URL(fixture.databaseUrl).pathname.slice(1);
    const admin = createPool(fixture.databaseUrl.replace(name, 'postgres'), 1, () => undefined);
    await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = ${value}`);
    let toGo = fixture.pool.totalCount;
    const since = new Set<unknown>();
    fixture.pool.on('connect', (client) => since.add(client));
    fixture.pool.on('remove', (client) => (toGo -= since.has(client) ? 0 : 1));
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, [name]);
    await admin.end();
    // The pool has noticed: no call is answered 503 only for a connection of before. New ones may have been made since.
    await expect.poll(() => toGo, { timeout: 10_000 }).toBeLessThanOrEqual(0);
  }

  it('a stream answers 503 with the lines committed, and sending all again completes it', async () => {
    const { accountId } = await api.makeAccount();
    const path = `/v1/accounts/${accountId}/transactions`;
    const headers = { 'Content-Type': 'application/x-ndjson' };
    const countRows = async () =>
      (await api.rows(`SELECT 1 FROM postings WHERE account_id = $1`, [accountId])).length;
    const lines = Array.from(
      { length: 2_500 },
      (_, index) => `${JSON.stringify(transaction(`ro-${index}`))}\n`,
    );
    let feed: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (feed = controller) });
    const answering = api.call('POST', path, { raw: body, headers });
    feed!.enqueue(Buffer.from(lines.slice(0, 1_100).join('')));
    await expect.poll(countRows, { timeout: 10_000 }).toBe(1_000);
    await setReadOnly(api, 'on');
    feed!.enqueue(Buffer.from(lines.slice(1_100).join('')));
    feed!.close();
    const answer = await answering;
    expect([answer.status, answer.body.code]).toEqual([503, 'database_unavailable']);
    expect(answer.body).toMatchObject({ committed_lines: 1_000, accepted: 1_000 });
    await setReadOnly(api, 'off');
    const again = await api.call('POST', path, { raw: lines.join(''), headers });
    expect(again.body).toMatchObject({ accepted: 1_500, repeated: 1_000 });
    expect(await countRows()).toBe(2_500);
  });
});
