import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { compareAnswer } from '../../src/activities/rutter/delivery/compare-answer.js';
import type { RutterClient } from '../../src/clients/rutter/client.js';
import type { RutterTransaction } from '../../src/clients/rutter/schemas.js';
import { serializeBatch } from '../../src/clients/rutter/transform.js';
import { createPool, type Pool } from '../../src/db/pool.js';
import type { DeliverablePosting } from '../../src/domain/posting.js';
import { deliveryLimits } from '../../src/domain/rutter/delivery-limits.js';
import { answerParent } from '../forked-child.js';
import { createUnlimitedClient } from './seed-feeds.js';
import type { SeededFeed } from '../../test/support/rutter/seed-feed.js';

/*
 * The baseline: a loop without durability. It reads the same tables and uses the same HTTP client, the same bytes and the
 * same comparison of the answer; one statement marks the postings of a batch after its answer. It stores no intent before
 * the POST and no key, and has no lease, limiter, timeline or Temporal: if it is killed during a batch, it does not know
 * what Rutter has.
 */

export interface LoopRequest {
  readonly databaseUrl: string;
  readonly apiUrl: string;
  readonly feeds: readonly SeededFeed[];
}

export interface LoopAnswer {
  readonly batches: number;
}

/** The same number as in the worker. */
const connectionsMax = 20;
const batchesMax = 10_000;
const pollMs = 500;

serve();

function serve(): void {
  let pool: Pool | undefined;
  answerParent(async (request): Promise<LoopAnswer> => {
    const { databaseUrl, apiUrl, feeds } = request as LoopRequest;
    const opened = (pool ??= createPool(databaseUrl, connectionsMax, () => undefined));
    const client = createUnlimitedClient(apiUrl);
    const counts = await Promise.all(feeds.map((feed) => deliver({ pool: opened, client, feed })));
    return { batches: counts.reduce((total, count) => total + count, 0) };
  });
}

interface Loop {
  pool: Pool;
  client: RutterClient;
  feed: SeededFeed;
}

async function deliver(loop: Loop): Promise<number> {
  let last: DeliverablePosting | undefined;
  for (let batches = 0; batches < batchesMax; batches += 1) {
    const postings = await nextPostings(loop, last);
    if (postings.length === 0) return batches;
    const { body, version } = serializeBatch({ rutterAccountId: loop.feed.rutterAccountId, postings });
    const sent = { postings, version, rutterAccountId: loop.feed.rutterAccountId, isAnswer: true };
    const { duplicates, altered, conflicts, missing } = compareAnswer(sent, await post(loop, body));
    if (duplicates.length + altered.length + conflicts.length + missing.length > 0)
      throw new Error('the answer is not what was sent');
    await markDelivered(loop, postings);
    last = postings.at(-1);
  }
  throw new Error('the loop does not end');
}

async function nextPostings(
  { pool, feed }: Loop,
  last: DeliverablePosting | undefined,
): Promise<DeliverablePosting[]> {
  const { rows } = await pool.query<DeliverablePosting>(
    `SELECT transaction_id AS "transactionId", sequence, posted_at AS "postedAt", amount, description, payee,
            transaction_type AS "transactionType"
       FROM postings
      WHERE account_id = $1 AND status = 'posted' AND (posted_at, sequence) > ($2::timestamptz, $3::bigint)
      ORDER BY posted_at, sequence LIMIT $4`,
    [feed.accountId, last?.postedAt ?? '-infinity', last?.sequence ?? '0', deliveryLimits.batchPostingsMax],
  );
  return rows;
}

async function post({ client, feed }: Loop, body: string): Promise<readonly RutterTransaction[]> {
  const idempotencyKey = randomUUID();
  const answer = await client.postTransactions({ accessToken: feed.accessToken, body, idempotencyKey });
  if (answer.kind === 'done') return answer.transactions;
  for (;;) {
    await sleep(pollMs);
    const job = await client.getJob({ jobId: answer.jobId });
    if (job.kind === 'success') return job.transactions;
    if (job.kind === 'failure') throw new Error('the job failed');
  }
}

async function markDelivered({ pool, feed }: Loop, postings: readonly DeliverablePosting[]): Promise<void> {
  await pool.query(
    `INSERT INTO ledger (feed_id, transaction_id, batch_id, position)
     SELECT $1, id, $2, n - 1 FROM unnest($3::text[]) WITH ORDINALITY AS t (id, n)`,
    [feed.feedId, randomUUID(), postings.map((posting) => posting.transactionId)],
  );
}
