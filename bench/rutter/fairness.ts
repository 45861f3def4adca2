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
/** Each on its own connection, one posting at a time: 6.7 postings a second together. */
const quiet = { feeds: 20, everyMs: 3_000, postingsACall: 1, rounds: 14 };
/** Rounds for warm-up, which are not counted. */
const warmUpRounds = 2;
/** All on one connection, ten postings a call: 67 postings a second, ten times the others together. */
const loud = { feeds: 10, everyMs: 1_500, postingsACall: 10 };
/** The loud connection starts this long before the others are measured. */
const headStartMs = 6_000;
const loudRounds = Math.ceil((headStartMs + quiet.rounds * quiet.everyMs) / loud.everyMs);
const deliveryMs = 120_000;
/** Latency of a POST and duration of its job: long enough that the loud connection's delivery lock is never free. */
const provider = { postLatencyMs: 50, jobRunMs: 100 };

interface Sample {
  readonly feed: SeededFeed;
  readonly transactionId: string;
  /** Epoch ms with fractions: the answer 200 has reached the caller. */
  readonly acceptedAtMs: number;
}

/** One connection offers ten times the load of twenty others together: the others must hardly feel it. */
export const fairness: BenchCase = {
  name: 'fairness',
  about:
    'how long postings of 20 connections wait, alone and beside one that offers 10 × their load together',
  run: async (context) => {
    const { fixture } = context;
    const sandbox = await fixture.freshSandbox();
    const others = await seedFeeds(fixture, sandbox, { feeds: quiet.feeds, postingsEach: past });
    const crowd = await seedFeeds(fixture, sandbox, {
      feeds: loud.feeds,
      postingsEach: past,
      onOneConnection: true,
    });
    await fixture.startWorker();
    const api = await fixture.startApi();
    await backfillByService(context, [...others, ...crowd]);
    await sandbox.turnKnobs(provider);
    const offering = { ...quiet, feeds: others };
    const alone = await offer(context, { api, ...offering, firstNumber: past });
    await waitUntilDelivered(context, others, past + quiet.rounds);
    const [beside] = await Promise.all([
      sleep(headStartMs, undefined, { signal: context.signal }).then(() =>
        offer(context, { api, ...offering, firstNumber: past + quiet.rounds }),
      ),
      offer(context, { api, ...loud, feeds: crowd, rounds: loudRounds, firstNumber: past }),
    ]);
    const counts = { others: past + 2 * quiet.rounds, crowd: past + loudRounds * loud.postingsACall };
    await waitUntilDelivered(context, others, counts.others);
    await waitUntilDelivered(context, crowd, counts.crowd);
    const arrivals = await readArrivals(sandbox);
    const figures = await figuresOf(sandbox, { alone, beside, arrivals });
    const faults = [
      ...(await check(sandbox, { feeds: others, count: counts.others, run: 'fairness' })),
      ...(await check(sandbox, { feeds: crowd, count: counts.crowd, run: 'fairness' })),
    ];
    return { figures, faults: [...new Set(faults)] };
  },
};

interface Offer {
  readonly api: RunningApi;
  readonly feeds: readonly SeededFeed[];
  /** Each feed's time between two calls; the feeds follow each other evenly. */
  readonly everyMs: number;
  readonly postingsACall: number;
  readonly rounds: number;
  readonly firstNumber: number;
}

/** Sends at its own pace, whatever becomes of it. Answers one sample a call, of its first posting. */
async function offer({ signal }: CaseContext, input: Offer): Promise<Sample[]> {
  const { api, feeds, postingsACall } = input;
  const startedMs = performance.now();
  const gapMs = input.everyMs / feeds.length;
  const calls: Promise<Sample>[] = [];
  for (let call = 0; call < input.rounds * feeds.length; call += 1) {
    const feed = feeds[call % feeds.length];
    if (feed === undefined) throw new Error('there are no feeds');
    const waitMs = startedMs + call * gapMs - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    signal.throwIfAborted();
    const number = input.firstNumber + Math.floor(call / feeds.length) * postingsACall;
    calls.push(send(api, feed, { number, count: postingsACall }));
  }
  return await Promise.all(calls);
}

async function send(
  api: RunningApi,
  feed: SeededFeed,
  input: { number: number; count: number },
): Promise<Sample> {
  const numbers = Array.from({ length: input.count }, (_, index) => input.number + index);
  // Seeded postings are a minute apart, these ones a second: far behind them all the same.
  const transactions = numbers.map((number) => apiPosting(postingId(number), 1_000_000 + number));
  const answer = await postJson(api, { accountId: feed.accountId, body: JSON.stringify({ transactions }) });
  if (answer.accepted !== input.count) throw new Error(`${answer.accepted} of ${input.count} were accepted`);
  const acceptedAtMs = performance.timeOrigin + performance.now();
  return { feed, transactionId: postingId(input.number), acceptedAtMs };
}

async function waitUntilDelivered(
  { fixture, signal }: CaseContext,
  feeds: readonly SeededFeed[],
  countEach: number,
): Promise<void> {
  await waitUntil(
    async () => {
      const { rows } = await fixture.pool.query<{ delivered: string }>(
        `SELECT count(*) AS delivered FROM ledger l JOIN batches b USING (batch_id)
          WHERE b.state = 'delivered' AND b.feed_id = ANY ($1::uuid[])`,
        [feeds.map((feed) => feed.feedId)],
      );
      return Number(rows[0]?.delivered) === countEach * feeds.length ? true : undefined;
    },
    { what: 'all postings are delivered', everyMs: 200, timeoutMs: deliveryMs, signal },
  );
}

/** When the first request under each key reached the sandbox: a request is logged when it is answered. */
async function readArrivals(sandbox: BenchSandbox): Promise<Map<string, number>> {
  const arrivals = new Map<string, number>();
  for (const { idempotency_key: key, at, duration_ms: durationMs } of await sandbox.requests()) {
    if (key !== null && !arrivals.has(key)) arrivals.set(key, Date.parse(at) - durationMs);
  }
  return arrivals;
}

async function figuresOf(
  sandbox: BenchSandbox,
  input: { alone: readonly Sample[]; beside: readonly Sample[]; arrivals: ReadonlyMap<string, number> },
): Promise<Figure[]> {
  const [alone, beside] = [
    await delaysOf(sandbox, input.alone, input.arrivals),
    await delaysOf(sandbox, input.beside, input.arrivals),
  ];
  const all = (delays: ReadonlyMap<string, number[]>): number[] => [...delays.values()].flat();
  const p95 = { alone: percentile(all(alone), 95), beside: percentile(all(beside), 95) };
  const medians = [...beside].map(([feedId, delays]) => median(delays) / median(alone.get(feedId) ?? []));
  return [
    {
      name: 'p95 of the others, ratio to alone',
      value: p95.beside / p95.alone,
      unit: '',
      digits: 2,
      mark: { kind: 'at_most', value: 2 },
      note: `${all(beside).length} postings of ${beside.size} feeds`,
    },
    { name: 'accepted to arrival, p95 alone', value: p95.alone, unit: 'ms' },
    { name: 'accepted to arrival, p95 beside it', value: p95.beside, unit: 'ms' },
    { name: 'accepted to arrival, p50 alone', value: median(all(alone)), unit: 'ms' },
    { name: 'accepted to arrival, p50 beside it', value: median(all(beside)), unit: 'ms' },
    {
      name: 'median of the worst connection, ratio to alone',
      value: Math.max(...medians),
      unit: '',
      digits: 2,
    },
  ];
}

/** Milliseconds from the answer 200 to the arrival of the POST, by feed, without the warm-up. */
async function delaysOf(
  sandbox: BenchSandbox,
  samples: readonly Sample[],
  arrivals: ReadonlyMap<string, number>,
): Promise<Map<string, number[]>> {
  const delays = new Map<string, number[]>();
  for (const feed of new Set(samples.map((sample) => sample.feed))) {
    const { transactions } = await sandbox.book(feed.rutterAccountId);
    const keys = new Map(transactions.map((each) => [each.transaction_id, each.idempotency_key]));
    const counted = samples.filter((sample) => sample.feed === feed).slice(warmUpRounds);
    const ofFeed = counted.map(({ transactionId, acceptedAtMs }) => {
      const arrivedAtMs = arrivals.get(keys.get(transactionId) ?? '');
      if (arrivedAtMs === undefined) throw new Error(`no request brought ${transactionId}`);
      // An active delivery run may have sent it before its caller had the answer.
      return Math.max(0, arrivedAtMs - acceptedAtMs);
    });
    delays.set(feed.feedId, ofFeed);
  }
  return delays;
}
