import { setTimeout as sleep } from 'node:timers/promises';
import { apiPosting, postJson } from '../api-client.js';
import type { BenchCase, CaseContext, Figure } from './bench-case.js';
import type { RunningApi } from '../fixture.js';
import { check } from '../checker.js';
import { backfillByService } from '../run-service.js';
import type { BenchSandbox } from './sandbox.js';
import { postingId, seedFeeds } from './seed-feeds.js';
import type { SeededFeed } from '../../test/support/rutter/seed-feed.js';
import { median, percentile } from '../statistics.js';
import { waitUntil } from '../wait-until.js';

const past = 10;
/** Postings for warm-up, which are not counted. */
const warmUps = 15;
const measured = 150;
const deliveryMs = 30_000;
/**
 * The wait between two postings, different each time, so that it does not synchronize with a timer. Longer than the
 * API's wait between two signals for one account (250 ms): each posting arrives alone, at an idle feed.
 */
const pauseMs = (index: number): number => 300 + ((index * 37) % 90);

interface Sample {
  readonly transactionId: string;
  /** Epoch ms with fractions: the answer 200 has reached the caller. */
  readonly acceptedAtMs: number;
  readonly callMs: number;
}

/** The age of a posting when its POST arrives, counted from the API's answer to core banking. */
export const freshness: BenchCase = {
  name: 'freshness',
  about: `from an accepted posting (answer 200) to its POST's arrival at the sandbox, ${measured} one by one`,
  run: async (context) => {
    const { fixture } = context;
    const sandbox = await fixture.freshSandbox();
    const feeds = await seedFeeds(fixture, sandbox, { feeds: 1, postingsEach: past });
    await fixture.startWorker();
    const api = await fixture.startApi();
    await backfillByService(context, feeds);
    const feed = feeds[0];
    if (feed === undefined) throw new Error('there is no feed');
    const samples: Sample[] = [];
    for (let index = 0; index < warmUps + measured; index += 1) {
      samples.push(await sendOne(context, { api, feed, number: past + index }));
      await sleep(pauseMs(index), undefined, { signal: context.signal });
    }
    const figures = await figuresOf(sandbox, feed, samples.slice(warmUps));
    const count = past + warmUps + measured;
    return { figures, faults: await check(sandbox, { feeds, count, run: 'freshness' }) };
  },
};

async function sendOne(
  { fixture, signal }: CaseContext,
  input: { api: RunningApi; feed: SeededFeed; number: number },
): Promise<Sample> {
  const { api, feed, number } = input;
  const transactionId = postingId(number);
  // Seeded postings are a minute apart, these ones a second: far behind them all the same.
  const body = JSON.stringify({ transactions: [apiPosting(transactionId, 1_000_000 + number)] });
  const calledAtMs = nowMs();
  const answer = await postJson(api, { accountId: feed.accountId, body });
  const acceptedAtMs = nowMs();
  if (answer.accepted !== 1) throw new Error(`posting ${number} was not accepted`);
  await waitUntil(
    async () => {
      const { rows } = await fixture.pool.query<{ completed: boolean }>(
        `SELECT f.state = 'live' AND b.state = 'delivered' AS completed
           FROM feeds f JOIN ledger l USING (feed_id) JOIN batches b ON b.batch_id = l.batch_id
          WHERE l.feed_id = $1 AND l.transaction_id = $2`,
        [feed.feedId, transactionId],
      );
      return rows[0]?.completed === true ? true : undefined;
    },
    { what: `${transactionId} is delivered`, everyMs: 20, timeoutMs: deliveryMs, signal },
  );
  return { transactionId, acceptedAtMs, callMs: acceptedAtMs - calledAtMs };
}

/** Finer than `Date.now()`, on the same clock as the sandbox's. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

async function figuresOf(
  sandbox: BenchSandbox,
  feed: SeededFeed,
  samples: readonly Sample[],
): Promise<Figure[]> {
  const { transactions } = await sandbox.book(feed.rutterAccountId);
  const keys = new Map(transactions.map((each) => [each.transaction_id, each.idempotency_key]));
  const logged = new Map((await sandbox.requests()).map((each) => [each.idempotency_key, each]));
  const took: number[] = [];
  const ages = samples.map(({ transactionId, acceptedAtMs }) => {
    const request = logged.get(keys.get(transactionId) ?? '');
    if (request === undefined) throw new Error(`no request brought ${transactionId}`);
    took.push(request.duration_ms);
    // A request is logged when it is answered: the sandbox's own time is subtracted.
    return Date.parse(request.at) - request.duration_ms - acceptedAtMs;
  });
  const sandboxMs = median(took);
  return [
    {
      name: 'accepted to arrival, p50',
      value: percentile(ages, 50),
      unit: 'ms',
      digits: 0,
      note: `the sandbox's own ${sandboxMs.toFixed(0)} ms subtracted; clock in whole ms`,
    },
    { name: 'accepted to arrival, p95', value: percentile(ages, 95), unit: 'ms', digits: 0 },
    {
      name: 'accepted to arrival, p99',
      value: percentile(ages, 99),
      unit: 'ms',
      digits: 0,
      mark: { kind: 'at_most', value: 2_000 },
    },
    {
      name: 'the ingest call itself, p50',
      value: percentile(
        samples.map((each) => each.callMs),
        50,
      ),
      unit: 'ms',
      digits: 0,
      note: 'one posting, committed to disk',
    },
  ];
}
