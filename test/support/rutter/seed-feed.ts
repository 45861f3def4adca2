import { randomUUID } from 'node:crypto';
import type { RutterClient } from '../../../src/clients/rutter/client.js';
import type { Keyring } from '../../../src/crypto/keyring.js';
import { sealAccessToken } from '../../../src/db/connections.js';
import type { Pool } from '../../../src/db/pool.js';

/** Where connections and feeds are created. Benchmarks and the chaos test seed with the same functions as the tests. */
export interface SeedTarget {
  readonly pool: Pool;
  readonly keyring: Keyring;
  /** A client of the sandbox of Rutter. */
  readonly client: RutterClient;
  /** Chooses an account in Sage. */
  selectAccount(input: { rutterAccountId: string; startDate: string }): Promise<unknown>;
}

export interface SeededConnection {
  readonly connectionId: string;
  readonly customerId: string;
  readonly accessToken: string;
}

export interface SeededFeed {
  readonly feedId: string;
  readonly accountId: string;
  readonly connectionId: string;
  readonly rutterAccountId: string;
  readonly accessToken: string;
}

/** Creates a customer with a connection, at the sandbox and in the tables. */
export async function seedConnection(target: SeedTarget): Promise<SeededConnection> {
  const { pool, keyring, client } = target;
  const made = await client.createConnection({ platform: 'SAGE_BANK_FEEDS', idempotencyKey: randomUUID() });
  const connectionId = randomUUID();
  const customerId = `cust-${randomUUID()}`;
  await seedCustomer(pool, { customerId });
  await pool.query(
    `INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed)
     VALUES ($1, $2, 'SAGE_BANK_FEEDS', $3, $4)`,
    [
      connectionId,
      customerId,
      made.id,
      sealAccessToken(keyring, { connectionId, accessToken: made.accessToken }),
    ],
  );
  return { connectionId, customerId, accessToken: made.accessToken };
}

/**
 * Creates an account with its feed, published at the sandbox, without signals. `startDate` (ISO, UTC): the customer has
 * chosen the account in Sage from then on, and the feed may send; without it the feed waits for that choice.
 */
export async function seedFeed(
  target: SeedTarget,
  input: { connection: SeededConnection; startDate?: string | undefined },
): Promise<SeededFeed> {
  const { pool, client } = target;
  const { connection, startDate } = input;
  const { connectionId, customerId, accessToken } = connection;
  const accountId = `acc-${randomUUID()}`;
  await seedAccount(pool, { accountId, customerId });
  const created = await client.createAccount({
    accessToken,
    idempotencyKey: randomUUID(),
    account: {
      internalBankAccountId: accountId,
      bankAccountType: 'bank',
      currencyCode: 'GBP',
      name: 'Trading',
    },
  });
  if (created.kind !== 'done') throw new Error('the sandbox did not create the account at once');
  const rutterAccountId = created.account.id;
  if (startDate !== undefined) await target.selectAccount({ rutterAccountId, startDate });
  const facts = startDate === undefined ? ['waiting', 'awaiting_activation'] : ['active', 'backfilling'];
  const feedId = randomUUID();
  await pool.query(
    `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, rutter_account_id, published_at,
                        account_status, state, transaction_start_date)
     VALUES ($1, $2, $3, $4, $5, now(), $6, $7, $8)`,
    [feedId, customerId, accountId, connectionId, rutterAccountId, ...facts, startDate ?? null],
  );
  return { feedId, accountId, connectionId, rutterAccountId, accessToken };
}

export async function seedCustomer(pool: Pool, input: { customerId: string }): Promise<void> {
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [
    input.customerId,
  ]);
}

/** Creates an account in pounds; `customerId` must exist. */
export async function seedAccount(
  pool: Pool,
  input: { accountId: string; customerId: string },
): Promise<void> {
  await pool.query(
    `INSERT INTO accounts (account_id, customer_id, name, type, currency) VALUES ($1, $2, 'Trading', 'bank', 'GBP')`,
    [input.accountId, input.customerId],
  );
}
