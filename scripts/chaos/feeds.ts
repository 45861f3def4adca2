import { randomUUID } from 'node:crypto';
import { createRutterClient, type RutterClient } from '../../src/clients/rutter/client.js';
import { sealAccessToken } from '../../src/db/connections.js';
import type { Stack } from './stack.js';

/** A feed that can deliver: published, and chosen in Sage. */
export interface ChaosFeed {
  readonly feedId: string;
  readonly accountId: string;
  readonly rutterAccountId: string;
  readonly accessToken: string;
  readonly connectionId: string;
}

/** Before the first posting. */
const startDate = '2024-01-01T00:00:00.000Z';
/** Twice as many would exceed the sandbox's limit of 500 requests in 10 s. */
const connectionsAtOnce = 5;

/**
 * Creates connections with new feeds, directly in the tables and at the sandbox: the test does not include publishing.
 */
export async function makeFeeds(
  stack: Stack,
  input: { connections: number; feedsEach: number },
): Promise<ChaosFeed[]> {
  const client = createRutterClient({
    baseUrl: `${stack.rutterUrl}/versioned`,
    ...stack.credentials,
    version: '2024-08-31',
    limiter: { acquire: () => Promise.resolve(), slowDown: () => Promise.resolve() },
  });
  const feeds: ChaosFeed[] = [];
  for (let made = 0; made < input.connections; made += connectionsAtOnce) {
    const count = Math.min(connectionsAtOnce, input.connections - made);
    const some = Array.from({ length: count }, () => makeConnection(stack, client, input.feedsEach));
    feeds.push(...(await Promise.all(some)).flat());
  }
  return feeds;
}

async function makeConnection(stack: Stack, client: RutterClient, feedsEach: number): Promise<ChaosFeed[]> {
  const { id, accessToken } = await client.createConnection({
    platform: 'SAGE_BANK_FEEDS',
    idempotencyKey: randomUUID(),
  });
  const connectionId = randomUUID();
  const customerId = `cust-${connectionId}`;
  const token = sealAccessToken(stack.keyring, { connectionId, accessToken });
  const { pool } = stack;
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [customerId]);
  await pool.query(
    `INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed)
     VALUES ($1, $2, 'SAGE_BANK_FEEDS', $3, $4)`,
    [connectionId, customerId, id, token],
  );
  const feeds: ChaosFeed[] = [];
  while (feeds.length < feedsEach) {
    feeds.push(await makeFeed(stack, client, { accessToken, connectionId, customerId }));
  }
  return feeds;
}

async function makeFeed(
  stack: Stack,
  client: RutterClient,
  input: { accessToken: string; connectionId: string; customerId: string },
): Promise<ChaosFeed> {
  const { accessToken, connectionId, customerId } = input;
  const accountId = `acc-${randomUUID()}`;
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
  if (created.kind !== 'done') throw new Error('the sandbox did not make the account at once');
  const rutterAccountId = created.account.id;
  await stack.rutter.selectAccount({ rutterAccountId, startDate });
  const feedId = randomUUID();
  await stack.pool.query(
    `INSERT INTO accounts (account_id, customer_id, name, type, currency) VALUES ($1, $2, 'Trading', 'bank', 'GBP')`,
    [accountId, customerId],
  );
  await stack.pool.query(
    `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, rutter_account_id, published_at,
                        account_status, state, transaction_start_date)
     VALUES ($1, $2, $3, $4, $5, now(), 'active', 'backfilling', $6)`,
    [feedId, customerId, accountId, connectionId, rutterAccountId, startDate],
  );
  return { feedId, accountId, rutterAccountId, accessToken, connectionId };
}
