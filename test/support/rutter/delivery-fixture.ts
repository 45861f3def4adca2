import { setTimeout as sleep } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { askControl } from '../../../sandbox/stand-in/ask-control.js';
import { startRutterSandbox, type RunningSandbox } from '../../../sandbox/rutter/server.js';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import type { RutterWorkflows } from '../../../src/activities/rutter/deps.js';
import {
  rutterRunDelivery,
  type RunDeliveryInput,
  type RunDeliveryResult,
} from '../../../src/activities/rutter/delivery/run-delivery.js';
import { createRutterClient, type RutterClient } from '../../../src/clients/rutter/client.js';
import type { RequestLimiter } from '../../../src/clients/rutter/limiter.js';
import { createKeyEntry, parseKeyring } from '../../../src/crypto/keyring.js';
import { openAccessToken } from '../../../src/db/connections.js';
import type { FeedStatus } from '../../../src/domain/feed-status.js';
import { createPool, type Pool } from '../../../src/db/pool.js';
import { createTestDatabase } from '../database.js';
import {
  seedConnection,
  seedFeed,
  type SeededConnection,
  type SeededFeed,
  type SeedTarget,
} from './seed-feed.js';

export const sandboxCredentials = { clientId: 'rc_simulation', clientSecret: 'rs_simulation_secret' };

/** What a test puts into the account: the rest has defaults. */
export interface FixturePosting {
  id: string;
  postedAt: string;
  amount?: string;
  status?: 'posted' | 'pending' | 'void';
}

export interface BookedTransaction {
  transaction_id: string;
  posted_at: string;
  amount: number;
  batch: number | null;
  idempotency_key: string | null;
}

export type DeliveryFeed = Omit<SeededFeed, 'accessToken'>;

/** A real PostgreSQL, the real sandbox over HTTP and the real deliver activity; only Temporal itself is not there. */
export interface DeliveryFixture {
  pool: Pool;
  deps: ActivityDeps;
  sandbox: RunningSandbox;
  /** Workflows that an activity woke, by what it called. */
  woken: string[];
  /** Statuses that delivery runs reported to the workflows of their feeds. */
  reported: (FeedStatus & { feedId: string })[];
  /** A feed on a connection of its own, or on the given one; chosen in Sage from `startDate` on when given. */
  makeFeed(input?: { connectionId?: string; startDate?: string }): Promise<DeliveryFeed>;
  /** A feed that may send, with `count` postings a minute apart from its start date on; see {@link postingsFrom}. */
  makeFilledFeed(input: { startDate: string; count: number; connectionId?: string }): Promise<DeliveryFeed>;
  addPostings(feed: { accountId: string }, postings: readonly FixturePosting[]): Promise<void>;
  /** Runs one delivery run, as one attempt of the activity; not `early`: what had to wait may go. */
  deliveryRun(
    feed: { feedId: string },
    input?: { readAccount?: boolean; deps?: ActivityDeps; early?: boolean },
  ): Promise<RunDeliveryResult>;
  /** Starts delivery runs, as the workflow would, until the feed has caught up; one that throws is an attempt. */
  untilCaughtUp(feed: { feedId: string }, input?: { runsMax?: number; deps?: ActivityDeps }): Promise<void>;
  /** Waits of the activity only advance the sandbox's clock: for tests of one sender. */
  advanceClock: (waitMs: number) => Promise<void>;
  /** The client of a sender of its own, so that a test can hold it up before each request. */
  clientOf(limiter: RequestLimiter): RutterClient;
  control(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
  book(feed: { rutterAccountId: string }): Promise<BookedTransaction[]>;
  /** The ids of what is booked, in the order of their acceptance. */
  bookedIds(feed: { rutterAccountId: string }): Promise<string[]>;
  violations(): Promise<{ violations: unknown[]; resent: unknown[] }>;
  /** Requests seen by the sandbox, e.g. `POST /accounting/bank_feeds/transactions`. */
  posts(): Promise<number>;
  close(): Promise<void>;
}

export async function createDeliveryFixture(
  options: {
    wait?: (waitMs: number) => Promise<void>;
    /** What is put before the database, such as a pooler: answers its address. */
    reach?: (databaseUrl: string) => Promise<string>;
  } = {},
): Promise<DeliveryFixture> {
  const database = await createTestDatabase();
  // The limiter has its own tests and is left out below, so the sandbox does not count either.
  const knobs = { jobRunMs: 0, rateLimit: false };
  const sandbox = await startRutterSandbox({ port: 0, ...sandboxCredentials, knobs });
  const reached = options.reach === undefined ? database.url : await options.reach(database.url);
  const pool = createPool(reached, 10, () => undefined);
  const keys = parseKeyring(createKeyEntry('test'));
  if (!keys.ok) throw new Error('no keyring');
  const woken: string[] = [];
  const reported: DeliveryFixture['reported'] = [];
  const workflows: RutterWorkflows = {
    wakeFeed: ({ feedId }) => Promise.resolve(void woken.push(`wake ${feedId}`)),
    feedFactsChanged: ({ feedId }) => Promise.resolve(void woken.push(`facts ${feedId}`)),
    feedStatusReported: ({ feedId, status }) => Promise.resolve(void reported.push({ feedId, ...status })),
    wakeConnection: ({ connectionId }) => Promise.resolve(void woken.push(`wake ${connectionId}`)),
    missingFeeds: () => Promise.resolve([]),
    missingConnections: () => Promise.resolve([]),
    missingHandoffs: () => Promise.resolve([]),
    missingCommands: () => Promise.resolve([]),
    loginSucceeded: ({ handoffId }) => Promise.resolve(void woken.push(`login ${handoffId}`)),
  };
  const clientOf = (limiter: RequestLimiter) =>
    createRutterClient({
      baseUrl: sandbox.apiUrl,
      ...sandboxCredentials,
      version: '2024-08-31',
      limiter,
      timeouts: { postTransactionsMs: 3_000, otherMs: 3_000 },
    });
  const deps: ActivityDeps = {
    pool,
    keyring: keys.keyring,
    // The limiter has its own tests; here the sandbox's own limit would notice a flood.
    rutter: clientOf({ acquire: () => Promise.resolve(), slowDown: () => Promise.resolve() }),
    workflows,
    settings: {
      rutterPlatform: 'SAGE_BANK_FEEDS',
      redirectOrigins: [sandbox.url],
      connectionMode: 'api',
      publishConcurrency: 4,
      handoffOtpLatestMs: 570_000,
      feedSyncIntervalMs: 86_400_000,
      bankTimeZone: null,
      feedActivationPollMinMs: 2_000,
      feedActivationPollMaxMs: 900_000,
      accountFacts: 'all',
      startDateFromOpenedOn: false,
    },
    wait: options.wait ?? ((waitMs, signal) => sleep(waitMs, undefined, { signal })),
    sage: null,
    stopping: new AbortController().signal,
  };
  const control = (method: string, path: string, body?: unknown) =>
    askControl({ url: sandbox.url, method, path, body });
  const target: SeedTarget = {
    pool,
    keyring: keys.keyring,
    client: deps.rutter,
    selectAccount: ({ rutterAccountId, startDate }) =>
      control('POST', `/accounts/${rutterAccountId}/select`, { transaction_start_date: startDate }),
  };
  const makeFeed: DeliveryFixture['makeFeed'] = async ({ connectionId, startDate } = {}) => {
    const connection =
      connectionId === undefined
        ? await seedConnection(target)
        : await readSeededConnection(target, connectionId);
    return await seedFeed(target, { connection, startDate });
  };
  const deliveryRun: DeliveryFixture['deliveryRun'] = async (feed, input = {}) => {
    if (input.early !== true) await letAttemptsBeDue(pool);
    return await runDelivery(input.deps ?? deps, {
      feedId: feed.feedId,
      readAccount: input.readAccount ?? false,
    });
  };
  const book: DeliveryFixture['book'] = async (feed) => {
    const answer = (await control('GET', `/book?account_id=${feed.rutterAccountId}`)) as {
      accounts: { transactions: BookedTransaction[] }[];
    };
    return answer.accounts[0]?.transactions ?? [];
  };
  return {
    pool,
    deps,
    sandbox,
    woken,
    reported,
    control,
    clientOf,
    makeFeed,
    deliveryRun,
    book,
    makeFilledFeed: async ({ count, ...input }) => {
      const feed = await makeFeed(input);
      await addPostings(pool, feed.accountId, postingsFrom({ from: input.startDate, count }));
      return feed;
    },
    addPostings: (feed, postings) => addPostings(pool, feed.accountId, postings),
    advanceClock: async (waitMs) => {
      await control('POST', '/clock', { advance_ms: waitMs });
    },
    untilCaughtUp: async (feed, { runsMax = 12, ...input } = {}) => {
      for (let runs = 0; runs < runsMax; runs += 1) {
        const result = await deliveryRun(feed, input).catch(() => undefined);
        if (result?.outcome === 'caught_up') return;
        if (result?.outcome === 'lock_busy') await sleep(300);
      }
      throw new Error('the feed did not catch up');
    },
    bookedIds: async (feed) => (await book(feed)).map((booked) => booked.transaction_id),
    violations: async () =>
      (await control('GET', '/violations')) as { violations: unknown[]; resent: unknown[] },
    posts: async () => {
      const answer = (await control('GET', '/requests')) as { requests: { method: string; path: string }[] };
      const isBatch = (request: { method: string; path: string }) =>
        request.method === 'POST' && request.path.includes('/bank_feeds/transactions');
      return answer.requests.filter(isBatch).length;
    },
    close: async () => {
      await pool.end();
      await sandbox.close();
      await database.drop();
    },
  };
}

async function runDelivery(deps: ActivityDeps, input: RunDeliveryInput): Promise<RunDeliveryResult> {
  const logger = new DefaultLogger('ERROR', () => undefined);
  const environment = new MockActivityEnvironment({}, { logger });
  return await environment.run<
    [RunDeliveryInput],
    RunDeliveryResult,
    (input: RunDeliveryInput) => Promise<RunDeliveryResult>
  >(rutterRunDelivery(deps), input);
}

/** Between two delivery runs the time passes that a renewed attempt must wait. */
async function letAttemptsBeDue(pool: Pool): Promise<void> {
  await pool.query(`UPDATE attempts SET not_before = now() WHERE not_before > now()`);
}

/** The row of a connection, with its token opened. */
async function readSeededConnection(
  { pool, keyring }: SeedTarget,
  connectionId: string,
): Promise<SeededConnection> {
  const { rows } = await pool.query<{ customerId: string; accessTokenSealed: string }>(
    `SELECT customer_id AS "customerId", access_token_sealed AS "accessTokenSealed"
       FROM connections WHERE connection_id = $1`,
    [connectionId],
  );
  const { customerId, accessTokenSealed } = rows[0]!;
  return {
    connectionId,
    customerId,
    accessToken: openAccessToken(keyring, { connectionId, accessTokenSealed }),
  };
}

/** Straight into the table, in the order given: ingestion has its own tests. */
async function addPostings(
  pool: Pool,
  accountId: string,
  postings: readonly FixturePosting[],
): Promise<void> {
  await pool.query(
    `WITH base AS (
       UPDATE accounts SET last_sequence = last_sequence + $2 WHERE account_id = $1 RETURNING last_sequence - $2 AS base
     )
     INSERT INTO postings (account_id, transaction_id, sequence, posted_at, amount, description, transaction_type,
                           status, content_hash)
     SELECT $1, t.id, base.base + t.n, t.posted_at, t.amount, 'Posting ' || t.id,
            CASE WHEN t.amount < 0 THEN 'debit' ELSE 'credit' END, t.status, sha256(t.id::bytea)
       FROM base, unnest($3::text[], $4::timestamptz[], $5::numeric[], $6::text[])
            WITH ORDINALITY AS t (id, posted_at, amount, status, n)`,
    [
      accountId,
      postings.length,
      postings.map((posting) => posting.id),
      postings.map((posting) => posting.postedAt),
      postings.map((posting) => posting.amount ?? '-12.50'),
      postings.map((posting) => posting.status ?? 'posted'),
    ],
  );
}

/** `count` postings a minute apart from `from` on, named `<prefix>-000001` and so on. */
export function postingsFrom(input: { from: string; count: number; prefix?: string }): FixturePosting[] {
  const startMs = Date.parse(input.from);
  return Array.from({ length: input.count }, (_, index) => ({
    id: `${input.prefix ?? 'tx'}-${String(index + 1).padStart(6, '0')}`,
    postedAt: new Date(startMs + index * 60_000).toISOString(),
  }));
}
