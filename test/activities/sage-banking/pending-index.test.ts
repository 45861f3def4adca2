import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool, type Pool } from '../../../src/db/pool.js';
import { pendingTransaction } from '../../../src/db/sage-banking/reprocesses.js';
import { countPendingTransactions } from '../../../src/db/sage-banking/restored-rules.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool(database.url, 2, () => undefined);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

test('pending transactions are counted by their index, whose condition matches the query', async () => {
  const sageAccountId = randomUUID();
  await pool.query(
    `INSERT INTO sage_transactions (sage_account_id, transaction_id, transaction_amount, body)
     SELECT $1, id, 1, CASE WHEN id <= 20 THEN '{"accountsPostings": []}'::jsonb
                            ELSE '{"accountsPostings": [{"postings": []}]}' END
       FROM generate_series(1, 2000) AS id`,
    [sageAccountId],
  );
  await pool.query('ANALYZE sage_transactions');
  const { rows } = await pool.query<{ 'QUERY PLAN': unknown }>(
    `EXPLAIN (FORMAT JSON) SELECT count(*)::int AS pending FROM sage_transactions
      WHERE sage_account_id = '${sageAccountId}' AND ${pendingTransaction}`,
  );
  expect(JSON.stringify(rows[0]?.['QUERY PLAN'])).toContain('sage_transactions_pending');
  expect(await countPendingTransactions(pool, { sageAccountId })).toBe(20);
});
