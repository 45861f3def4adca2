import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomUUID } from 'node:crypto';
import { createPool, transaction, type Pool } from '../../../src/db/pool.js';
import { insertSageAccount, readSageAccount } from '../../../src/db/sage-banking/accounts.js';
import { insertSageCompany } from '../../../src/db/sage-banking/companies.js';
import { listStoredTransactions, storePage } from '../../../src/db/sage-banking/transactions.js';
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

async function makeAccount(): Promise<string> {
  const customerId = `cust-${randomUUID()}`;
  const [connectionId, sageAccountId] = [randomUUID(), randomUUID()];
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [customerId]);
  await insertSageCompany(pool, {
    connectionId,
    customerId,
    onboardingId: null,
    name: 'Northgate Trading',
    organisationId: randomUUID(),
    companyId: randomUUID(),
    signingKeySealed: 'never opened',
  });
  await transaction(pool, (db) =>
    insertSageAccount(db, {
      sageAccountId,
      customerId,
      connectionId,
      bankAccountId: randomUUID(),
      bankId: randomUUID(),
      bankName: 'Harbour Bank',
      dataProvider: 'indirect',
      name: 'Current',
      numberLast4: null,
      identityHash: 'hash',
      currency: 'GBP',
      status: 'active',
      authorisationMechanism: null,
      authorisationSealed: null,
      requestedStartDate: '2024-01-01T00:00:00Z',
    }),
  );
  return sageAccountId;
}

const lines = (...ids: number[]) =>
  ids.map((transactionId) => ({ transactionId, transactionAmount: -transactionId }));

it('a page that cannot be stored leaves the cursor before it: it is read again', async () => {
  const sageAccountId = await makeAccount();
  await storePage(pool, { sageAccountId, transactions: lines(1, 2), endIndex: 2 });
  const unstorable = [...lines(3), { transactionId: 4.5, transactionAmount: -4 }];
  await expect(storePage(pool, { sageAccountId, transactions: unstorable, endIndex: 4 })).rejects.toThrow();
  expect(await readSageAccount(pool, { sageAccountId })).toMatchObject({ lastTransactionId: 2, received: 2 });
  await storePage(pool, { sageAccountId, transactions: lines(3, 4), endIndex: 4 });
  const stored = await listStoredTransactions(pool, { sageAccountId, afterId: 0, limit: 10 });
  expect(stored.map(({ transactionId }) => transactionId)).toEqual([1, 2, 3, 4]);
});

it('a page that is read twice or late is stored once and does not move the cursor back', async () => {
  const sageAccountId = await makeAccount();
  await storePage(pool, { sageAccountId, transactions: lines(1, 2, 4), endIndex: 4 });
  await storePage(pool, { sageAccountId, transactions: lines(1, 2), endIndex: 2 });
  expect(await readSageAccount(pool, { sageAccountId })).toMatchObject({ lastTransactionId: 4, received: 3 });
});
