import { randomUUID } from 'node:crypto';
import { createRutterClient, type RutterClient } from '../../src/clients/rutter/client.js';
import { sealAccessToken } from '../../src/db/connections.js';
import type { Pool } from '../../src/db/pool.js';
import type { Fixture } from '../fixture.js';
import { sandboxCredentials, type BenchSandbox } from './sandbox.js';

/** A feed that could send now: published, chosen in Sage, on a connection (and so a delivery lock) of its own or a shared one. */
export interface SeededFeed {
  readonly feedId: string;
  readonly accountId: string;
  readonly rutterAccountId: string;
  readonly accessToken: string;
}

/** Older than every seeded posting. */
const startDate = '2024-01-01T00:00:00.000Z';
const firstPostingMs = Date.parse('2024-02-01T08:00:00.000Z');
const minuteMs = 60_000;
const insertRowsMax = 5_000;
/** More would exceed the sandbox's limit of 500 requests in 10 s. */
const seedersMax = 10;

/** The service's own client, with no limiter: it also is what the plain loop sends with. */
export function createUnlimitedClient(apiUrl: string): RutterClient {
  return createRutterClient({
    baseUrl: apiUrl,
    ...sandboxCredentials,
    version: '2024-08-31',
    limiter: { acquire: () => Promise.resolve(), slowDown: () => Promise.resolve() },
  });
}

/**
 * Creates feeds with postings directly in the tables, without signals: the measurement does not include ingestion and
 * publishing. Ends with a vacuum and a checkpoint, so that their cost is not measured.
 */
export async function seedFeeds(
  fixture: Fixture,
  sandbox: BenchSandbox,
  input: { feeds: number; postingsEach: number; onOneConnection?: boolean },
): Promise<SeededFeed[]> {
  const client = createUnlimitedClient(sandbox.apiUrl);
  const shared = input.onOneConnection === true ? await seedConnection({ fixture, client }) : undefined;
  const feeds: SeededFeed[] = [];
  while (feeds.length < input.feeds) {
    const count = Math.min(seedersMax, input.feeds - feeds.length);
    const made = Array.from({ length: count }, () =>
      seedFeed({ fixture, sandbox, client }, { ...input, connection: shared }),
    );
    feeds.push(...(await Promise.all(made)));
  }
  await fixture.pool.query('VACUUM (ANALYZE) postings, ledger, batches, attempts, feeds, accounts');
  await fixture.pool.query('CHECKPOINT');
  return feeds;
}

interface Tools {
  fixture: Fixture;
  sandbox: BenchSandbox;
  client: RutterClient;
}

async function seedFeed(
  tools: Tools,
  input: { postingsEach: number; connection: SeededConnection | undefined },
): Promise<SeededFeed> {
  const { fixture, sandbox, client } = tools;
  const connection = input.connection ?? (await seedConnection(tools));
  const accountId = `acc-${randomUUID()}`;
  const created = await client.createAccount({
    accessToken: connection.accessToken,
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
  await sandbox.selectAccount({ rutterAccountId, startDate });
  const feedId = await insertRows(fixture, { connection, accountId, rutterAccountId });
  await addPostings(fixture.pool, { accountId, from: 0, count: input.postingsEach });
  return { feedId, accountId, rutterAccountId, accessToken: connection.accessToken };
}

interface SeededConnection {
  readonly connectionId: string;
  readonly customerId: string;
  readonly accessToken: string;
}

/** A connection of a customer of its own, at Rutter and in the rows. */
async function seedConnection({ fixture, client }: Omit<Tools, 'sandbox'>): Promise<SeededConnection> {
  const { pool, keyring } = fixture;
  const made = await client.createConnection({ platform: 'SAGE_BANK_FEEDS', idempotencyKey: randomUUID() });
  const [connectionId, customerId] = [randomUUID(), `cust-${randomUUID()}`];
  const token = sealAccessToken(keyring, { connectionId, accessToken: made.accessToken });
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [customerId]);
  await pool.query(
    `INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed)
     VALUES ($1, $2, 'SAGE_BANK_FEEDS', $3, $4)`,
    [connectionId, customerId, made.id, token],
  );
  return { connectionId, customerId, accessToken: made.accessToken };
}

async function insertRows(
  { pool }: Fixture,
  input: { connection: SeededConnection; accountId: string; rutterAccountId: string },
): Promise<string> {
  const { connectionId, customerId } = input.connection;
  const feedId = randomUUID();
  await seedAccount(pool, { accountId: input.accountId, customerId });
  await pool.query(
    `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, rutter_account_id, published_at,
                        account_status, state, transaction_start_date)
     VALUES ($1, $2, $3, $4, $5, now(), 'active', 'backfilling', $6)`,
    [feedId, customerId, input.accountId, connectionId, input.rutterAccountId, startDate],
  );
  return feedId;
}

/** An account in pounds; `customerId` must exist. */
export async function seedAccount(
  pool: Pool,
  input: { accountId: string; customerId: string },
): Promise<void> {
  await pool.query(
    `INSERT INTO accounts (account_id, customer_id, name, type, currency) VALUES ($1, $2, 'Trading', 'bank', 'GBP')`,
    [input.accountId, input.customerId],
  );
}

/** The name of the n-th posting of an account, counted from 0; they sort as they are numbered. */
export function postingId(index: number): string {
  return `tx-${String(index + 1).padStart(8, '0')}`;
}

/** Stores `count` postings a minute apart, the first being number `from`: a day a few minutes long, as at a till. */
export async function addPostings(
  pool: Pool,
  input: { accountId: string; from: number; count: number },
): Promise<void> {
  for (let start = input.from; start < input.from + input.count; start += insertRowsMax) {
    const rows = Math.min(insertRowsMax, input.from + input.count - start);
    const numbers = Array.from({ length: rows }, (_, index) => start + index);
    await pool.query(
      `WITH base AS (
         UPDATE accounts SET last_sequence = last_sequence + $2 WHERE account_id = $1 RETURNING last_sequence - $2 AS base
       )
       INSERT INTO postings (account_id, transaction_id, sequence, posted_at, amount, description, payee,
                             transaction_type, status, content_hash)
       SELECT $1, t.id, base.base + t.n, t.posted_at, -12.50, 'Card payment ' || t.id, 'Harbour Timber Ltd', 'debit',
              'posted', sha256(t.id::bytea)
         FROM base, unnest($3::text[], $4::timestamptz[]) WITH ORDINALITY AS t (id, posted_at, n)`,
      [
        input.accountId,
        rows,
        numbers.map(postingId),
        numbers.map((number) => new Date(firstPostingMs + number * minuteMs).toISOString()),
      ],
    );
  }
}
