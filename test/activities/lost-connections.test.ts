import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPool, transaction, type Pool } from '../../src/db/pool.js';
import { isDatabaseUnavailable } from '../../src/db/unavailable.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { until } from '../support/until.js';

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
