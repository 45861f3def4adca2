import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPool, transaction, type Pool } from '../../src/db/pool.js';
import { isDatabaseUnavailable } from '../../src/db/unavailable.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

/** A statement may take 15 s and its answer 5 s more; some for a busy machine. */
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

it('a connection that dies between two statements of a transaction ends that transaction, not the process', async () => {
  const work = transaction(pool, async (db) => {
    const { rows } = await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await other.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
    const gone = async () =>
      (await other.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [rows[0]!.pid])).rowCount === 0;
    await until(gone, { timeoutMs: 10_000, describe: 'the backend is gone' });
    // The news of it arrives while no statement is under way: without a listener it would end the process here.
    await new Promise((resolve) => setImmediate(resolve));
    await db.query('SELECT 1');
  });
  const error = await work.catch((reason: unknown) => reason);
  expect(isDatabaseUnavailable(error), String(error)).toBe(true);
  // The dead one went; the only place of the pool is free again.
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

it('a database whose answers never come is given up in time, in a transaction too, and holds no place of the pool', async () => {
  const url = new URL(database.url);
  const wire = await startTcpProxy({ targetPort: Number(url.port) });
  url.port = String(wire.port);
  const wired = createPool(url.href, 2, () => undefined);
  try {
    let startedMs = 0;
    const inTransaction = transaction(wired, async (db) => {
      await wired.query('SELECT 1');
      wire.setMode({ kind: 'swallow' });
      startedMs = performance.now();
      await db.query('SELECT 1');
    });
    const errors = await Promise.all([
      inTransaction.catch((reason: unknown) => reason),
      until(() => startedMs > 0, { timeoutMs: 10_000, describe: 'the wire is dead' }).then(() =>
        wired.query('SELECT 1').catch((reason: unknown) => reason),
      ),
    ]);
    expect(performance.now() - startedMs).toBeLessThan(answerTimeoutMs);
    expect(errors.map(isDatabaseUnavailable), String(errors)).toEqual([true, true]);
    wire.setMode({ kind: 'pass' });
    const both = [wired.query('SELECT 1 AS one'), wired.query('SELECT 1 AS one')];
    expect((await Promise.all(both)).map(({ rowCount }) => rowCount)).toEqual([1, 1]);
    expect(wired.totalCount).toBeLessThanOrEqual(2);
  } finally {
    await wired.end();
    await wire.close();
  }
});
