import { createRutterClient, type RutterClient } from '../../src/clients/rutter/client.js';
import type { Pool } from '../../src/db/pool.js';
import {
  seedConnection,
  seedFeed,
  type SeededConnection,
  type SeededFeed,
  type SeedTarget,
} from '../../test/support/rutter/seed-feed.js';
import type { Fixture } from '../fixture.js';
import { sandboxCredentials, type BenchSandbox } from './sandbox.js';

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
 * Creates feeds that could send now, on a connection each or on one, with postings directly in the tables, without
 * signals: the measurement does not include ingestion and publishing. Ends with a vacuum and a checkpoint, so that their cost is not measured.
 */
export async function seedFeeds(
  fixture: Fixture,
  sandbox: BenchSandbox,
  input: { feeds: number; postingsEach: number; onOneConnection?: boolean },
): Promise<SeededFeed[]> {
  const target: SeedTarget = {
    pool: fixture.pool,
    keyring: fixture.keyring,
    client: createUnlimitedClient(sandbox.apiUrl),
    selectAccount: (account) => sandbox.selectAccount(account),
  };
  const shared = input.onOneConnection === true ? await seedConnection(target) : undefined;
  const feeds: SeededFeed[] = [];
  while (feeds.length < input.feeds) {
    const count = Math.min(seedersMax, input.feeds - feeds.length);
    const made = Array.from({ length: count }, () =>
      seedFeedWithPostings(target, { connection: shared, postings: input.postingsEach }),
    );
    feeds.push(...(await Promise.all(made)));
  }
  await fixture.pool.query('VACUUM (ANALYZE) postings, ledger, batches, attempts, feeds, accounts');
  await fixture.pool.query('CHECKPOINT');
  return feeds;
}

async function seedFeedWithPostings(
  target: SeedTarget,
  input: { connection: SeededConnection | undefined; postings: number },
): Promise<SeededFeed> {
  const connection = input.connection ?? (await seedConnection(target));
  const feed = await seedFeed(target, { connection, startDate });
  await addPostings(target.pool, { accountId: feed.accountId, from: 0, count: input.postings });
  return feed;
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
       INSERT INTO postings (account_id, transaction_id, sequence, posted_at, booking_day, send_at, amount,
                             description, payee, transaction_type, status, content_hash)
       SELECT $1, t.id, base.base + t.n, t.posted_at, t.posted_at::date, t.posted_at, -12.50, 'Card payment ' || t.id, 'Harbour Timber Ltd', 'debit',
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
