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

/**
 * Pause, resume, sync and close at every moment of a batch. Each case has three batches to send; the action falls upon
 * the first of them. The book is the checker: what was in flight arrives once, nothing follows a pause or a close, and
 * by the way out everything is there.
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

/** What an operator asks, done as the workflow has it done; twice, since a request may be repeated at any time. */
async function ask(feed: DeliveryFeed, action: OperatorAction): Promise<void> {
  for (let times = 0; times < 2; times += 1) await dbApplyFeedRequest(fixture.deps)({ ...feed, action });
}

interface Interruption {
  /** Called once, when the batch has come to its moment. */
  act: () => Promise<void>;
}

/** One attempt of a delivery run, with the waits cut short, and `act` called at the moment that `at` knows. */
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

/** Delivery run after delivery run, as the workflow would start them, until the feed has nothing more to do. */
async function complete(feed: DeliveryFeed): Promise<RunDeliveryResult> {
  for (let tries = 0; tries < 20; tries += 1) {
    const result = await deliveryRun(feed).catch(() => undefined);
    if (result !== undefined && ['caught_up', 'waiting', 'closed'].includes(result.outcome)) return result;
  }
  throw new Error('the feed did not complete');
}

interface Moment {
  name: string;
  /** How many of the 2,500 are at Rutter's when the feed comes to rest. */
  restsAt: { pause: number; close: number };
  reach: (feed: DeliveryFeed, act: () => Promise<void>) => Promise<unknown>;
}

const moments: Moment[] = [
  {
    name: 'before the build',
    restsAt: { pause: 0, close: 0 },
    reach: (_, act) => act(),
  },
  {
    name: 'after the build, before the POST',
    restsAt: { pause: 1_000, close: 1_000 },
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
    restsAt: { pause: 1_000, close: 1_000 },
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
    restsAt: { pause: 1_000, close: 1_000 },
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
    name: 'in doubt, done at Rutter',
    restsAt: { pause: 1_000, close: 1_000 },
    reach: async (feed, act) => {
      await fixture.control('POST', '/faults', {
        ...{ kind: 'reset_after_effect', point: 'before_any_byte', match: batchPost, times: 1 },
      });
      await expect(deliveryRun(feed)).rejects.toThrow();
      await act();
    },
  },
  {
    name: 'in doubt, never seen by Rutter',
    // Nobody wants it at Rutter any more: closed, its postings are ready again.
    restsAt: { pause: 1_000, close: 0 },
    reach: async (feed, act) => {
      await fixture.control('POST', '/faults', { kind: 'reset_before_effect', match: batchPost, times: 1 });
      await expect(deliveryRun(feed)).rejects.toThrow();
      await act();
    },
  },
  {
    name: 'after it was completed',
    restsAt: { pause: 2_000, close: 2_000 },
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

async function ready(): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ startDate });
  await fixture.addPostings(feed, postings);
  return feed;
}

async function bookedIds(feed: DeliveryFeed): Promise<string[]> {
  return (await fixture.book(feed)).map((entry) => entry.transaction_id);
}

async function expectAllOnce(feed: DeliveryFeed): Promise<void> {
  expect(await bookedIds(feed)).toEqual(postings.map(({ id }) => id));
  // I4, I6: no key but the first of each batch was ever used.
  const { rows } = await fixture.pool.query<{ attempts: string; delivered: string }>(
    `SELECT count(*) AS attempts, count(DISTINCT b.batch_id) FILTER (WHERE b.state = 'delivered') AS delivered
       FROM attempts a JOIN batches b USING (batch_id) WHERE b.feed_id = $1 AND b.state <> 'undone'`,
    [feed.feedId],
  );
  expect(rows).toEqual([{ attempts: '3', delivered: '3' }]);
}

describe.each(moments)('$name', (moment) => {
  it('a pause lets the batch in flight arrive and nothing after it; resumed, the rest goes out once', async () => {
    const feed = await ready();
    await moment.reach(feed, () => ask(feed, 'pause'));
    expect(await complete(feed)).toMatchObject({ outcome: 'waiting', state: 'paused' });
    expect(await bookedIds(feed)).toHaveLength(moment.restsAt.pause);
    expect(await complete(feed)).toMatchObject({ outcome: 'waiting', state: 'paused' });
    expect(await bookedIds(feed)).toHaveLength(moment.restsAt.pause);
    await ask(feed, 'resume');
    expect(await complete(feed)).toMatchObject({ outcome: 'caught_up', state: 'live' });
    await expectAllOnce(feed);
  });

  it('a close knows what became of the batch in flight and sends nothing after it; shared again, the rest goes out once', async () => {
    const feed = await ready();
    await moment.reach(feed, () => ask(feed, 'close'));
    expect(await complete(feed)).toMatchObject({ outcome: 'closed', state: 'closed' });
    expect(await bookedIds(feed)).toHaveLength(moment.restsAt.close);
    const { rows: open } = await fixture.pool.query(
      `SELECT 1 FROM batches WHERE feed_id = $1 AND state = 'open'`,
      [feed.feedId],
    );
    expect(open).toEqual([]);
    await shareAgain(feed);
    expect(await complete(feed)).toMatchObject({ outcome: 'caught_up', state: 'live' });
    await expectAllOnce(feed);
  });

  it.each(['resume', 'sync'] as const)('a %s changes nothing of what is under way', async (action) => {
    const feed = await ready();
    await moment.reach(feed, () => ask(feed, action));
    expect(await complete(feed)).toMatchObject({ outcome: 'caught_up', state: 'live' });
    await expectAllOnce(feed);
  });
});

/** The customer shares the account again and chooses it in Sage: the same feed, waiting for Sage's word, then active. */
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
