import { setTimeout as sleep } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dbApplyFeedRequest } from '../../../src/activities/rutter/delivery/apply-feed-request.js';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import {
  rutterRunDelivery,
  type RunDeliveryInput,
  type RunDeliveryResult,
} from '../../../src/activities/rutter/delivery/run-delivery.js';
import type { RutterClient } from '../../../src/clients/rutter/client.js';
import { createFeed } from '../../../src/db/rutter/publications.js';
import { transaction } from '../../../src/db/pool.js';
import type { OperatorAction } from '../../../src/domain/feed.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

/*
 * Pause, resume, sync and close at every moment of a batch. Each case has three batches to send, and the action comes
 * during the first. The transactions that the sandbox has booked show the result: what was in flight arrives once,
 * nothing follows a pause or a close, and after a resume or a new share everything is delivered.
 */

const startDate = '2026-03-01T00:00:00.000Z';
const postings = postingsFrom({ from: startDate, count: 2_500 });
const batchPost = { method: 'POST', path: 'bank_feeds/transactions' };
let fixture: DeliveryFixture;

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  await fixture.control('POST', '/knobs', { jobRunMs: 0, preferSyncWindowMs: 30_000 });
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
});

/** Applies an operator's request as the workflow does; twice, since the activity may be repeated. */
async function applyRequest(feed: DeliveryFeed, action: OperatorAction): Promise<void> {
  for (let times = 0; times < 2; times += 1) await dbApplyFeedRequest(fixture.deps)({ ...feed, action });
}

interface Interruption {
  /** Called once, at the moment of the batch. */
  act: () => Promise<void>;
}

/** One attempt of a delivery run with short waits. `at` wraps the client so that `act` is called at one moment. */
async function deliveryRun(
  feed: DeliveryFeed,
  at: (rutter: RutterClient, act: () => Promise<void>) => Partial<RutterClient> = () => ({}),
  interruption: Interruption = { act: () => Promise.resolve() },
): Promise<RunDeliveryResult> {
  let acted = false;
  const once = async (): Promise<void> => {
    if (acted) return;
    acted = true;
    await interruption.act();
  };
  const { rutter } = fixture.deps;
  const deps: ActivityDeps = {
    ...fixture.deps,
    rutter: { ...rutter, ...at(rutter, once) },
    wait: (waitMs, signal) => sleep(Math.min(waitMs, 20), undefined, { signal }),
  };
  return await new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => undefined) }).run<
    [RunDeliveryInput],
    RunDeliveryResult,
    (input: RunDeliveryInput) => Promise<RunDeliveryResult>
  >(rutterRunDelivery(deps), { feedId: feed.feedId, readAccount: false });
}

/** Starts delivery runs, as the workflow would, until the feed has nothing more to do. */
async function runUntilIdle(feed: DeliveryFeed): Promise<RunDeliveryResult> {
  for (let tries = 0; tries < 20; tries += 1) {
    const result = await deliveryRun(feed).catch(() => undefined);
    if (result !== undefined && ['caught_up', 'waiting', 'closed'].includes(result.outcome)) return result;
  }
  throw new Error('the feed did not become idle');
}

interface Moment {
  name: string;
  /** How many of the 2,500 postings Rutter has booked when the feed is idle. */
  bookedWhenIdle: { pause: number; close: number };
  reach: (feed: DeliveryFeed, act: () => Promise<void>) => Promise<unknown>;
}

const moments: Moment[] = [
  {
    name: 'before the build',
    bookedWhenIdle: { pause: 0, close: 0 },
    reach: (_, act) => act(),
  },
  {
    name: 'after the build, before the POST',
    bookedWhenIdle: { pause: 1_000, close: 1_000 },
    reach: (feed, act) =>
      deliveryRun(
        feed,
        (rutter, once) => ({
          postTransactions: async (input) => {
            await once();
            return await rutter.postTransactions(input);
          },
        }),
        { act },
      ),
  },
  {
    name: 'while the POST is in flight',
    bookedWhenIdle: { pause: 1_000, close: 1_000 },
    reach: (feed, act) =>
      deliveryRun(
        feed,
        (rutter, once) => ({
          postTransactions: async (input) => {
            const answer = await rutter.postTransactions(input);
            await once();
            return answer;
          },
        }),
        { act },
      ),
  },
  {
    name: 'while its job is pending',
    bookedWhenIdle: { pause: 1_000, close: 1_000 },
    reach: async (feed, act) => {
      await fixture.control('POST', '/knobs', { jobRunMs: 300, preferSyncWindowMs: 10 });
      const result = await deliveryRun(
        feed,
        (rutter, once) => ({
          getJob: async (input) => {
            const job = await rutter.getJob(input);
            if (job.kind === 'running') await once();
            return job;
          },
        }),
        { act },
      );
      await fixture.control('POST', '/knobs', { jobRunMs: 0, preferSyncWindowMs: 30_000 });
      return result;
    },
  },
  {
    name: 'outcome unknown, done at Rutter',
    bookedWhenIdle: { pause: 1_000, close: 1_000 },
    reach: async (feed, act) => {
      await fixture.control('POST', '/faults', {
        kind: 'reset_after_effect',
        point: 'before_any_byte',
        match: batchPost,
        times: 1,
      });
      await expect(deliveryRun(feed)).rejects.toThrow();
      await act();
    },
  },
  {
    name: 'outcome unknown, never received by Rutter',
    // After a close the batch is not sent again: its postings are ready.
    bookedWhenIdle: { pause: 1_000, close: 0 },
    reach: async (feed, act) => {
      await fixture.control('POST', '/faults', { kind: 'reset_before_effect', match: batchPost, times: 1 });
      await expect(deliveryRun(feed)).rejects.toThrow();
      await act();
    },
  },
  {
    name: 'after it was completed',
    bookedWhenIdle: { pause: 2_000, close: 2_000 },
    reach: (feed, act) =>
      deliveryRun(
        feed,
        (rutter, once) => ({
          // The second batch would be built next: its POST is the first moment after the first one was completed.
          postTransactions: async (input) => {
            const { rows } = await fixture.pool.query(
              `SELECT 1 FROM batches WHERE feed_id = $1 AND state = 'delivered'`,
              [feed.feedId],
            );
            if (rows.length > 0) await once();
            return await rutter.postTransactions(input);
          },
        }),
        { act },
      ),
  },
];

async function makeFilledFeed(): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ startDate });
  await fixture.addPostings(feed, postings);
  return feed;
}

async function expectAllOnce(feed: DeliveryFeed): Promise<void> {
  expect(await fixture.bookedIds(feed)).toEqual(postings.map(({ id }) => id));
  // I4, I6: only the first key of each batch was used.
  const { rows } = await fixture.pool.query<{ attempts: string; delivered: string }>(
    `SELECT count(*) AS attempts, count(DISTINCT b.batch_id) FILTER (WHERE b.state = 'delivered') AS delivered
       FROM attempts a JOIN batches b USING (batch_id) WHERE b.feed_id = $1 AND b.state <> 'undone'`,
    [feed.feedId],
  );
  expect(rows).toEqual([{ attempts: '3', delivered: '3' }]);
}

describe.each(moments)('$name', (moment) => {
  it('a pause lets the batch in flight arrive and nothing after it; after resume the rest is sent once', async () => {
    const feed = await makeFilledFeed();
    await moment.reach(feed, () => applyRequest(feed, 'pause'));
    expect(await runUntilIdle(feed)).toMatchObject({ outcome: 'waiting', state: 'paused' });
    expect(await fixture.bookedIds(feed)).toHaveLength(moment.bookedWhenIdle.pause);
    expect(await runUntilIdle(feed)).toMatchObject({ outcome: 'waiting', state: 'paused' });
    expect(await fixture.bookedIds(feed)).toHaveLength(moment.bookedWhenIdle.pause);
    await applyRequest(feed, 'resume');
    expect(await runUntilIdle(feed)).toMatchObject({ outcome: 'caught_up', state: 'live' });
    await expectAllOnce(feed);
  });

  it('a close determines the outcome of the batch in flight and sends nothing after it; shared again, the rest is sent once', async () => {
    const feed = await makeFilledFeed();
    await moment.reach(feed, () => applyRequest(feed, 'close'));
    expect(await runUntilIdle(feed)).toMatchObject({ outcome: 'closed', state: 'closed' });
    expect(await fixture.bookedIds(feed)).toHaveLength(moment.bookedWhenIdle.close);
    const { rows: open } = await fixture.pool.query(
      `SELECT 1 FROM batches WHERE feed_id = $1 AND state = 'open'`,
      [feed.feedId],
    );
    expect(open).toEqual([]);
    await shareAgain(feed);
    expect(await runUntilIdle(feed)).toMatchObject({ outcome: 'caught_up', state: 'live' });
    await expectAllOnce(feed);
  });

  it.each(['resume', 'sync'] as const)('a %s does not disturb what is in progress', async (action) => {
    const feed = await makeFilledFeed();
    await moment.reach(feed, () => applyRequest(feed, action));
    expect(await runUntilIdle(feed)).toMatchObject({ outcome: 'caught_up', state: 'live' });
    await expectAllOnce(feed);
  });
});

/** The customer shares the account again and selects it in Sage: the same feed is activated again. */
async function shareAgain(feed: DeliveryFeed): Promise<void> {
  const { rows } = await fixture.pool.query<{ customer_id: string }>(
    `SELECT customer_id FROM feeds WHERE feed_id = $1`,
    [feed.feedId],
  );
  const customerId = rows[0]?.customer_id ?? '';
  const made = await transaction(fixture.pool, (db) => createFeed(db, { ...feed, customerId }));
  expect(made).toEqual({ feedId: feed.feedId, outcome: 'reopened' });
  await fixture.deliveryRun(feed, { readAccount: true });
}
