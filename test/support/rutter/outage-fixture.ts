import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { buildWorkflowBundle } from '../../../scripts/workflow-bundle.js';
import { CoreBanking } from '../../../scripts/chaos/core-banking.js';
import { makeFeeds } from '../../../scripts/chaos/feeds.js';
import type { SeededFeed } from './seed-feed.js';
import { Checker } from '../../../scripts/chaos/checker.js';
import { isPostOfTransactions, type SeenRequest } from '../../../scripts/chaos/rutter-sandbox.js';
import { seededRandom } from '../../../scripts/chaos/seeded-random.js';
import { openStack, type Stack } from '../../../scripts/chaos/stack.js';
import type { SupervisedPart } from '../../../scripts/chaos/supervised-part.js';
import { printLine } from '../shared-parts.js';
import { until } from '../until.js';

/** The whole service as real processes that can be taken down, core banking in front, the sandbox as the checker. */
export interface OutageFixture {
  readonly stack: Stack;
  readonly core: CoreBanking;
  readonly feeds: readonly SeededFeed[];
  /** One call of core banking, as it comes: no retry. */
  ingest(feed: SeededFeed, transactionId: string): Promise<Response>;
  /** A webhook of Rutter with a good signature. */
  webhook(): Promise<Response>;
  /** Waits until everything that core banking sent is booked, once and in order, and nothing forbidden was done. */
  untilDelivered(): Promise<void>;
  /** The same, and waits until no batch is open and no delivery lock is held. */
  untilCompleted(): Promise<void>;
  /** Whether a posting of this id is stored. */
  isStored(transactionId: string): Promise<boolean>;
  /** The keys of all attempts of a feed, in the order in which they were made. */
  keysOf(feed: SeededFeed): Promise<SentKey[]>;
  /** The last requests to the sandbox that were POSTs of transactions. */
  postsSeen(): Promise<SeenRequest[]>;
  /** Whether the log of a worker contains a text. */
  hasLogged(worker: SupervisedPart, text: string): Promise<boolean>;
  /** How often API and worker ended without being killed. */
  unplannedEnds(): number;
  close(): Promise<void>;
}

export interface SentKey {
  state: string;
  key: string;
  posts: number;
}

const callMs = 40_000;
/** The repair job, which comes every minute, finds what a lost signal left undone. */
const recoveredMs = 300_000;
const requestsMax = 5_000;

/** `outageMs`: the longest outage that ingestion will have; 0 by default. The others as in `openStack`. */
export async function openOutageFixture(
  input: { outageMs?: number } & Pick<Parameters<typeof openStack>[0], 'variablesOf' | 'release'> = {},
): Promise<OutageFixture> {
  const { outageMs, ...parts } = input;
  await buildWorkflowBundle();
  const stack = await openStack({ printLine, keep: false, wired: true, ...parts });
  try {
    await stack.rutter.turnKnobs({ jobRunMs: 100 });
    const feeds = await makeFeeds(stack, { connections: 3, feedsEach: 2 });
    const core = new CoreBanking(stack, feeds, seededRandom(1), outageMs);
    const checker = new Checker(stack, feeds, core);
    const post = (path: string, headers: Record<string, string>, body: string): Promise<Response> =>
      fetch(`${stack.apiUrl}${path}`, {
        method: 'POST',
        headers,
        body,
        signal: AbortSignal.timeout(callMs),
      });
    return {
      stack,
      core,
      feeds,
      ingest: (feed, id) =>
        post(
          `/v1/accounts/${feed.accountId}/transactions`,
          { authorization: `Bearer ${stack.coreToken}`, 'content-type': 'application/json' },
          JSON.stringify({ transactions: [onePosting(id)] }),
        ),
      webhook: () => {
        const body = JSON.stringify({ type: 'CONNECTION', code: 'UPDATED', connection_id: 'none-of-ours' });
        const signature = createHmac('sha256', stack.credentials.clientSecret).update(body).digest('base64');
        return post('/webhooks/rutter', { 'x-rutter-signature': `sha256=${signature}` }, body);
      },
      untilDelivered: () => untilDelivered({ stack, feeds, core, checker }),
      untilCompleted: async () => {
        await untilDelivered({ stack, feeds, core, checker });
        await untilNoBatchIsOpen(stack);
      },
      isStored: async (id) =>
        (await stack.pool.query('SELECT 1 FROM postings WHERE transaction_id = $1', [id])).rowCount === 1,
      keysOf: (feed) => keysOf(stack, feed),
      postsSeen: async () => (await stack.rutter.requests(requestsMax)).filter(isPostOfTransactions),
      hasLogged: async (worker, text) =>
        (await readFile(join(stack.folder, 'logs', `${worker.name}.log`), 'utf8')).includes(text),
      unplannedEnds: () => stack.api.unplannedEnds + stack.workers[0]!.unplannedEnds,
      close: () => stack.close(),
    };
  } catch (error) {
    await stack.close();
    throw error;
  }
}

async function untilDelivered(input: {
  stack: Stack;
  feeds: readonly SeededFeed[];
  core: CoreBanking;
  checker: Checker;
}): Promise<void> {
  const { stack, feeds, core, checker } = input;
  for (const feed of feeds) {
    const booked = async (): Promise<boolean> => {
      const { count } = await stack.rutter.book({ rutterAccountId: feed.rutterAccountId, offset: 0 });
      return count >= core.sent(feed);
    };
    await until(booked, {
      timeoutMs: recoveredMs,
      everyMs: 200,
      describe: `all of feed ${feed.feedId} is booked`,
    });
  }
  const { faults } = await checker.check();
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

async function untilNoBatchIsOpen({ pool }: Stack): Promise<void> {
  const sql = `SELECT 1 FROM delivery_locks WHERE holder IS NOT NULL UNION ALL SELECT 1 FROM batches WHERE state = 'open'`;
  await until(async () => (await pool.query(sql)).rowCount === 0, {
    timeoutMs: recoveredMs,
    describe: 'no batch is open and no delivery lock is held',
  });
}

async function keysOf({ pool }: Stack, feed: SeededFeed): Promise<SentKey[]> {
  const { rows } = await pool.query<SentKey>(
    `SELECT b.state, a.idempotency_key AS key, a.posts FROM batches b JOIN attempts a USING (batch_id)
      WHERE b.feed_id = $1 ORDER BY b.number, a.number`,
    [feed.feedId],
  );
  return rows;
}

/** A refusal of ingestion that asks for a repeat. */
export async function expectRefusedForNow(answer: Response): Promise<void> {
  const { code } = (await answer.json()) as { code: string };
  expect([answer.status, code]).toEqual([503, 'database_unavailable']);
  expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
}

/** Older than the start date of every feed: it is stored, and never sent. */
function onePosting(transactionId: string): unknown {
  return {
    transaction_id: transactionId,
    posted_at: '2023-06-01T08:00:00.000Z',
    amount: '-1.00',
    description: 'A posting of its own',
    transaction_type: 'debit',
  };
}
