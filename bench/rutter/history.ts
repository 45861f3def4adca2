import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCase, CaseContext, Figure } from './bench-case.js';
import { costOfDeliveryRun, readHistory, type HistorySize, type DeliveryRunCost } from './histories.js';
import { check } from '../checker.js';
import { backfillByService } from '../run-service.js';
import { addPostings, seedFeeds } from './seed-feeds.js';
import type { SeededFeed } from '../../test/support/rutter/seed-feed.js';
import { median } from '../statistics.js';
import { waitUntil } from '../wait-until.js';

const feedCount = 5;
const batchesOfPast = 20;
const past = batchesOfPast * 1_000;
/** Postings that each feed receives one by one, each in its own batch. */
const announced = 8;
/** The shortened day: the next check is due after 20/24 to 23/24 of it. */
const shortDayMs = 3_000;
const checksWaitedFor = 6;
/** With an interval of 24 h an idle feed is checked every 20 to 23 h. */
const checksPerYear = (365.25 * 24) / 21.5;
const daysPerYear = 365.25;
const deliveryMs = 30_000;
const eventsMark = { kind: 'at_most', value: 12 } as const;

/** What a feed writes into Temporal's history, which costs memory, storage and, in a billed cluster, money. */
export const history: BenchCase = {
  name: 'history',
  about: 'history events and bytes per batch, per quiet day and per feed-year',
  run: async (context) => {
    const { fixture } = context;
    const sandbox = await fixture.freshSandbox();
    const feeds = await seedFeeds(fixture, sandbox, { feeds: feedCount, postingsEach: past });
    const worker = await fixture.startWorker({ FEED_SYNC_INTERVAL: '24h' });
    await backfillByService(context, feeds);
    const caughtUp = await readAll(context, feeds);
    for (let index = 0; index < announced; index += 1) await announceOne(context, feeds, past + index);
    const afterBatches = await readAll(context, feeds);
    await worker.stop();
    const quiet = await quietDays(context, feeds);
    const batch = medianCost(caughtUp, afterBatches);
    const count = past + announced + 1;
    return {
      figures: [...backfillFigures(caughtUp), ...figuresOf(batch, quiet)],
      faults: await check(sandbox, { feeds, count, run: 'history' }),
    };
  },
};

/** Sends one posting to each feed and waits until all are idle again. */
async function announceOne(
  context: CaseContext,
  feeds: readonly SeededFeed[],
  number: number,
): Promise<void> {
  const { fixture } = context;
  for (const feed of feeds) await addPostings(fixture.pool, { ...feed, from: number, count: 1 });
  await Promise.all(feeds.map(({ feedId }) => fixture.workflows.wakeFeed({ feedId })));
  await waitUntil(
    async () => {
      const { rows } = await fixture.pool.query<{ waiting: string }>(
        `SELECT count(*) AS waiting FROM feeds f
          WHERE f.feed_id = ANY ($1::uuid[])
            AND (f.state <> 'live'
                 OR (SELECT sum(size) FROM batches b WHERE b.feed_id = f.feed_id AND b.state = 'delivered') < $2)`,
        [feeds.map(({ feedId }) => feedId), number + 1],
      );
      return rows[0]?.waiting === '0' ? true : undefined;
    },
    { what: 'the posting is delivered', everyMs: 50, timeoutMs: deliveryMs, signal: context.signal },
  );
  await workflowsIdle(context, feeds);
}

/** Waits until the workflows have received their delivery run's result and wait again: their histories do not grow. */
async function workflowsIdle(context: CaseContext, feeds: readonly SeededFeed[]): Promise<void> {
  let before = '';
  await waitUntil(
    async () => {
      const lengths = await readAll(context, feeds);
      const now = lengths.map(({ events }) => events).join(' ');
      const still = now === before;
      before = now;
      return still ? true : undefined;
    },
    { what: 'the feeds are idle', everyMs: 200, timeoutMs: deliveryMs, signal: context.signal },
  );
}

/** Measures the cost of a quiet day, with days of a few seconds and no postings. */
async function quietDays(context: CaseContext, feeds: readonly SeededFeed[]): Promise<DeliveryRunCost> {
  const { fixture, signal } = context;
  await fixture.startWorker({ FEED_SYNC_INTERVAL: `${shortDayMs}ms` });
  // Their next check is a long day away: one more posting starts the short interval.
  const { rows } = await fixture.pool.query<{ count: string }>(
    'SELECT count(*) FROM postings WHERE account_id = $1',
    [feeds[0]?.accountId],
  );
  for (const feed of feeds)
    await addPostings(fixture.pool, { ...feed, from: Number(rows[0]?.count), count: 1 });
  await Promise.all(feeds.map(({ feedId }) => fixture.workflows.wakeFeed({ feedId })));
  await sleep(2 * shortDayMs, undefined, { signal });
  const before = await readAll(context, feeds);
  await sleep(checksWaitedFor * shortDayMs, undefined, { signal });
  return medianCost(before, await readAll(context, feeds));
}

function readAll({ fixture }: CaseContext, feeds: readonly SeededFeed[]): Promise<HistorySize[]> {
  return Promise.all(feeds.map((feed) => readHistory(fixture.temporal, feed)));
}

function medianCost(before: readonly HistorySize[], after: readonly HistorySize[]): DeliveryRunCost {
  const costs = after.flatMap((size, index) => {
    const earlier = before[index];
    return earlier === undefined ? [] : [costOfDeliveryRun(earlier, size)];
  });
  return {
    events: median(costs.map(({ events }) => events)),
    bytes: median(costs.map(({ bytes }) => bytes)),
  };
}

function backfillFigures(sizes: readonly HistorySize[]): Figure[] {
  const events = median(sizes.map((size) => size.events));
  const deliveryRuns = median(sizes.map((size) => size.deliveryRuns));
  const name = 'events per batch of a backfill';
  const note = `${events} events with the run's start for ${batchesOfPast} batches, ${deliveryRuns} delivery run(s)`;
  return [{ name, value: events / batchesOfPast, unit: '', digits: 2, mark: eventsMark, note }];
}

function figuresOf(batch: DeliveryRunCost, quiet: DeliveryRunCost): Figure[] {
  const kilobytes = (bytes: number): number => bytes / 1_000;
  return [
    {
      name: 'events per announced batch',
      value: batch.events,
      unit: '',
      digits: 1,
      mark: eventsMark,
      note: 'with its signal and the timer it moves',
    },
    { name: 'bytes per announced batch', value: batch.bytes, unit: 'B' },
    { name: 'events per quiet day', value: quiet.events, unit: '', digits: 1, mark: eventsMark },
    { name: 'bytes per quiet day', value: quiet.bytes, unit: 'B' },
    {
      name: 'history of a quiet feed-year',
      value: kilobytes(quiet.bytes * checksPerYear),
      unit: 'kB',
      note: `${checksPerYear.toFixed(0)} checks, renewals not counted`,
    },
    {
      name: 'history of a feed-year',
      value: kilobytes(batch.bytes * daysPerYear),
      unit: 'kB',
      note: 'one batch a day, which replaces the check',
    },
  ];
}
