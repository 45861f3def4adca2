import { randomUUID } from 'node:crypto';
import type { Pool } from '../../src/db/pool.js';
import { storePage } from '../../src/db/sage-banking/transactions.js';

const towns = ['Leeds', 'York', 'Hull', 'Truro', 'Wells', 'Ely', 'Bath', 'Derby', 'Ripon', 'Perth'];
const trades = [
  'Bakery',
  'Garage',
  'Joinery',
  'Books',
  'Energy',
  'Water',
  'Cafe',
  'Florist',
  'Print',
  'Steel',
];
const names = [
  'North',
  'South',
  'Harbour',
  'Meadow',
  'Mill',
  'Castle',
  'Abbey',
  'Bridge',
  'Crown',
  'Orchard',
];
export const shopsCount = towns.length * trades.length * names.length;

/** A name for each number below `shopsCount`; none is a part of another. */
export function shopOf(number: number): string {
  const name = names[number % 10] ?? '';
  const trade = trades[Math.floor(number / 10) % 10] ?? '';
  const town = towns[Math.floor(number / 100) % 10] ?? '';
  return `${name} ${trade} ${town}`;
}

const rowsPerPage = 1_000;

/** An account with `count` stored transactions, ids 1 to `count`. @returns its id */
export async function seedSageTransactions(pool: Pool, { count }: { count: number }): Promise<string> {
  const [customerId, connectionId, sageAccountId] = [`cust-${randomUUID()}`, randomUUID(), randomUUID()];
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [customerId]);
  await pool.query(
    `INSERT INTO sage_companies (connection_id, customer_id, organisation_id, company_id, name, signing_key_sealed)
     VALUES ($1, $2, 'organisation', 'company', 'Harbour Joinery', 'none')`,
    [connectionId, customerId],
  );
  await pool.query(
    `INSERT INTO sage_accounts (sage_account_id, customer_id, connection_id, bank_account_id, bank_id, bank_name,
       data_provider, name, identity_hash, currency, status)
     VALUES ($1, $2, $3, 'account', 'bank', 'Harbour Bank', 'indirect', 'Current', 'none', 'GBP', 'active')`,
    [sageAccountId, customerId, connectionId],
  );
  for (let from = 1; from <= count; from += rowsPerPage) {
    const transactions = Array.from({ length: rowsPerPage }, (_, index) => transactionOf(from + index));
    await storePage(pool, { sageAccountId, transactions, endIndex: from + rowsPerPage - 1 });
  }
  await pool.query('VACUUM ANALYZE sage_transactions');
  return sageAccountId;
}

/** In the form of Sage's answers, about seven hundred bytes. The factor spreads consecutive numbers over all shops. */
function transactionOf(transactionId: number) {
  const shop = shopOf((transactionId * 577) % shopsCount);
  const reference = `R-${String(transactionId).padStart(7, '0')}`;
  const day = String((transactionId % 28) + 1).padStart(2, '0');
  const month = String((transactionId % 12) + 1).padStart(2, '0');
  return {
    transactionId,
    transactionAmount: (((transactionId * 7919) % 50_000) - 46_000) / 100,
    transactionType: 'DEBIT',
    transactionStatus: 'posted',
    datePosted: `2024-${month}-${day}T09:00:00Z`,
    currency: 'GBP',
    narrative1: `CARD PAYMENT ${shop}`,
    referenceNumber: reference,
    payee: { payeeId: shop.toUpperCase(), payeeBankId: '20-00-00' },
    transactionNarrative: `CARD PAYMENT ${shop} ${reference} ${shop.toUpperCase()}`,
    serverTransactionId: randomUUID(),
    transactionHash: randomUUID() + randomUUID(),
    heldTransaction: false,
    accountsPostings: [],
    providerAdditionalFields: [],
    feedSource: 'auto',
    predictedActions: [],
  };
}
