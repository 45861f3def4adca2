import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPool, transaction, type Pool } from '../../src/db/pool.js';
import { isDatabaseUnavailable } from '../../src/db/unavailable.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

/** A statement may take 15 s and its answer 5 s more; the rest is for a busy machine. */
const answerTimeoutMs = 25_000;

let database: TestDatabase;
let pool: Pool;
let other: Pool;
beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
  pool = createPool(database.url, 1, () => undefined);
  other = createPool(database.url, 1, () => undefined);
});
afterEach(async () => {
  await Promise.all([pool.end(), other.end()]);
  await database.drop();
});

it('a connection that is lost between two statements of a transaction ends the transaction, not the process', async () => {
  const work = transaction(pool, async (db) => {
    const { rows } = await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await other.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
    const gone = async () =>
      (await other.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [rows[0]!.pid])).rowCount === 0;
    await until(gone, { timeoutMs: 10_000, describe: 'the backend is gone' });
    // The error arrives while no statement is running: without a listener it would end the process here.
    await new Promise((resolve) => setImmediate(resolve));
    await db.query('SELECT 1');
  });
  const error = await work.catch((reason: unknown) => reason);
  expect(isDatabaseUnavailable(error), String(error)).toBe(true);
  // The lost connection is removed; the only slot of the pool is free again.
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

it('statements without an answer time out, in a transaction too, and release their connection of the pool', async () => {
  const url = new URL(database.url);
  const proxy = await startTcpProxy({ targetPort: Number(url.port) });
  url.port = String(proxy.port);
  const proxied = createPool(url.href, 2, () => undefined);
  try {
    let startedMs = 0;
    const inTransaction = transaction(proxied, async (db) => {
      await proxied.query('SELECT 1');
      proxy.setMode({ kind: 'swallow' });
      startedMs = performance.now();
      await db.query('SELECT 1');
    });
    const errors = await Promise.all([
      inTransaction.catch((reason: unknown) => reason),
      until(() => startedMs > 0, { timeoutMs: 10_000, describe: 'the proxy drops all data' }).then(() =>
        proxied.query('SELECT 1').catch((reason: unknown) => reason),
      ),
    ]);
    expect(performance.now() - startedMs).toBeLessThan(answerTimeoutMs);
    expect(errors.map(isDatabaseUnavailable), String(errors)).toEqual([true, true]);
    proxy.setMode({ kind: 'pass' });
    const both = [proxied.query('SELECT 1 AS one'), proxied.query('SELECT 1 AS one')];
    expect((await Promise.all(both)).map(({ rowCount }) => rowCount)).toEqual([1, 1]);
    expect(proxied.totalCount).toBeLessThanOrEqual(2);
  } finally {
    await proxied.end();
    await proxy.close();
  }
});
