import { inspect } from 'node:util';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger, type LogEntry } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dbReviewAlerts } from '../../src/activities/review-alerts.js';
import type { ActivityDeps } from '../../src/activities/deps.js';
import { temporalNudgeConnections } from '../../src/activities/rutter/connection/wake-connections.js';
import { temporalRestartFeeds } from '../../src/activities/rutter/delivery/restart-feeds.js';
import { temporalRestartSage } from '../../src/activities/sage-banking/restart-workflows.js';
import { temporalWakeFeeds } from '../../src/activities/rutter/delivery/wake-feeds.js';
import { announceAlerts } from '../../src/db/alerts.js';
import {
  applyFeedRequest,
  recordAccountsSeen,
  recordCaughtUp,
  recordConnectionRefused,
  recordReason,
} from '../../src/db/rutter/feed-facts.js';
import { readSweepAge } from '../../src/db/repair-tasks.js';
import {
  createDeliveryWorld,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryWorld,
} from '../support/rutter/delivery-fixture.js';

const startDate = '2026-03-01T00:00:00.000Z';
let world: DeliveryWorld;
let deps: ActivityDeps;
/** Ids of feeds and connections whose workflow does not run. */
const gone = new Set<string>();
const asked: number[] = [];
let lines: LogEntry[] = [];

beforeAll(async () => {
  world = await createDeliveryWorld();
  const among = (ids: readonly string[]) => {
    asked.push(ids.length);
    expect([...ids].sort()).toEqual(ids);
    return Promise.resolve(ids.filter((id) => gone.has(id)));
  };
  const workflows = {
    ...world.deps.workflows,
    missingFeeds: ({ feedIds }: { feedIds: readonly string[] }) => among(feedIds),
    missingConnections: ({ connectionIds }: { connectionIds: readonly string[] }) => among(connectionIds),
  };
  deps = { ...world.deps, workflows };
});
afterAll(async () => {
  await world.close();
});
beforeEach(async () => {
  gone.clear();
  asked.length = 0;
  lines = [];
  world.woken.length = 0;
  await world.pool.query(`DELETE FROM alerts`);
  await world.pool.query(`DELETE FROM provider_outages`);
  await world.pool.query(`UPDATE feeds SET operator = 'closed', state = 'closed', look_owed = false`);
  await world.pool.query(`UPDATE sweeps SET cursor_id = NULL`);
});

async function run<T>(
  activity: (deps: ActivityDeps) => () => Promise<T>,
  over: Partial<ActivityDeps> = {},
): Promise<T> {
  const logger = new DefaultLogger('INFO', (entry) => lines.push(entry));
  return await new MockActivityEnvironment({}, { logger }).run(activity({ ...deps, ...over }));
}

async function settled(): Promise<void> {
  await world.pool.query(
    `UPDATE feeds SET created_at = created_at - interval '1 hour', state_since = state_since - interval '1 hour',
            updated_at = updated_at - interval '1 hour', published_at = published_at - interval '1 hour'`,
  );
  await world.pool.query(`UPDATE postings SET received_at = received_at - interval '1 hour'`);
}

async function liveFeed(input: { connectionId?: string } = {}): Promise<DeliveryFeed> {
  const feed = await world.makeFeed(input);
  await recordAccountsSeen(world.pool, {
    connectionId: feed.connectionId,
    accounts: [{ rutterAccountId: feed.rutterAccountId, ready: true, transactionStartDate: startDate }],
  });
  await world.control('POST', `/accounts/${feed.rutterAccountId}/select`, {
    transaction_start_date: startDate,
  });
  await world.slice(feed);
  return feed;
}

const told = () =>
  lines
    .filter((entry) => entry.message.startsWith('alert '))
    .map((entry) => `${entry.level} ${entry.message}: ${String(entry.meta?.['code'])}`);

async function standing(): Promise<{ code: string; subject: string; detail: Record<string, unknown> }[]> {
  const { rows } = await world.pool.query(
    `SELECT code, subject, detail FROM alerts WHERE ended_at IS NULL ORDER BY code, subject`,
  );
  return rows;
}

it('does not look as if it stood still where the second road is closed', async () => {
  await world.pool.query(`UPDATE sweeps SET ran_at = now()`);
  await world.pool.query(`UPDATE sweeps SET ran_at = now() - interval '1 hour' WHERE name LIKE 'sage%'`);
  expect(await readSweepAge(world.pool)).toBeGreaterThan(3_000);
  expect(await run(temporalRestartSage)).toEqual({ looked: 0, repaired: 0, roundEnded: true });
  expect(await readSweepAge(world.pool)).toBeLessThan(60);
});

describe('a feed that lost its workflow', () => {
  it('gets it back, is told of once, and the alert ends when a whole round finds it running', async () => {
    const [lost, well] = [await liveFeed(), await liveFeed()];
    await settled();
    gone.add(lost.feedId);
    expect(await run(temporalRestartFeeds)).toEqual({ looked: 2, repaired: 1, roundEnded: true });
    expect(world.woken).toEqual([`facts ${lost.feedId}`]);
    await run(dbReviewAlerts);
    expect(await standing()).toMatchObject([{ code: 'workflow_missing', subject: lost.feedId }]);
    await run(temporalRestartFeeds);
    await run(dbReviewAlerts);
    expect(told()).toEqual(['ERROR alert raised: workflow_missing']);
    gone.clear();
    await run(temporalRestartFeeds);
    await run(dbReviewAlerts);
    expect(await standing()).toEqual([]);
    expect(told()).toEqual(['ERROR alert raised: workflow_missing', 'INFO alert ended: workflow_missing']);
    expect(world.woken).not.toContain(`facts ${well.feedId}`);
  });

  it('is not looked for while it is closed, or changed its state within the minute', async () => {
    const closed = await liveFeed();
    const changed = await liveFeed();
    await settled();
    await applyFeedRequest(world.pool, { feedId: closed.feedId, action: 'close' });
    await applyFeedRequest(world.pool, { feedId: changed.feedId, action: 'pause' });
    const young = await world.makeFeed();
    for (const feed of [closed, changed, young]) gone.add(feed.feedId);
    await run(temporalRestartFeeds);
    expect(world.woken).toEqual([]);
  });

  it('is found whatever its place among more feeds than one run looks at', async () => {
    const feed = await liveFeed();
    await settled();
    const { rows } = await world.pool.query<{ account_id: string }>(
      `INSERT INTO accounts (account_id, customer_id, name, type, currency)
       SELECT 'many-' || n, c.customer_id, 'Many', 'bank', 'GBP' FROM connections c, generate_series(1, 2500) n
        WHERE c.connection_id = $1 RETURNING account_id`,
      [feed.connectionId],
    );
    await world.pool.query(
      `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, operator, state, created_at, state_since)
       SELECT gen_random_uuid(), c.customer_id, t.id, c.connection_id, 'paused', 'paused', now() - interval '1 day',
              now() - interval '1 day'
         FROM connections c, unnest($2::text[]) AS t (id) WHERE c.connection_id = $1`,
      [feed.connectionId, rows.map((row) => row.account_id)],
    );
    gone.add(feed.feedId);
    const stopping = AbortSignal.abort();
    // A worker that is asked to stop ends its run after the page it is at; the next run goes on there.
    const looked: number[] = [];
    for (let runs = 0; runs < 3; runs += 1) {
      looked.push((await run(temporalRestartFeeds, { stopping })).looked);
    }
    expect(looked).toEqual([1_000, 1_000, 501]);
    expect(world.woken).toEqual([`facts ${feed.feedId}`]);
    await world.pool.query(`DELETE FROM feeds WHERE account_id LIKE 'many-%'`);
  });
});

describe('a connection that lost its workflow', () => {
  it('is nudged while something is awaited on it, and told of', async () => {
    const waiting = await world.makeFeed();
    const refused = await liveFeed();
    const live = await liveFeed();
    await recordConnectionRefused(world.pool, { ...refused, code: 'NEEDS_UPDATE', words: null });
    await settled();
    for (const feed of [waiting, refused, live]) gone.add(feed.connectionId);
    expect(await run(temporalNudgeConnections)).toEqual({ looked: 2, repaired: 2, roundEnded: true });
    const nudged = [waiting, refused].map(({ connectionId }) => `nudge ${connectionId}`);
    expect([...world.woken].sort()).toEqual(nudged.sort());
    expect(await standing()).toMatchObject([{ code: 'workflow_missing' }, { code: 'workflow_missing' }]);
  });

  it('is left alone after thirty days, when its workflow has ended by itself', async () => {
    const waiting = await world.makeFeed();
    gone.add(waiting.connectionId);
    await world.pool.query(`UPDATE feeds SET state_since = now() - interval '31 days' WHERE feed_id = $1`, [
      waiting.feedId,
    ]);
    expect(await run(temporalNudgeConnections)).toMatchObject({ looked: 0, repaired: 0 });
  });
});

describe('a lost wake-up', () => {
  const some = postingsFrom({ from: '2026-03-02T00:00:00Z', count: 3 });

  it('is made up for: a feed that sleeps on a posting is woken, once, and delivers it', async () => {
    const [feed, idle] = [await liveFeed(), await liveFeed()];
    await world.addPostings(feed, some);
    await settled();
    expect(await run(temporalWakeFeeds)).toMatchObject({ repaired: 1, roundEnded: true });
    expect(world.woken).toEqual([`facts ${feed.feedId}`]);
    // It has not come to its slice yet: no second signal in the next minutes.
    await run(temporalWakeFeeds);
    expect(world.woken).toHaveLength(1);
    await world.pool.query(`UPDATE feeds SET swept_at = swept_at - interval '11 minutes'`);
    await run(temporalWakeFeeds);
    expect(world.woken).toEqual([`facts ${feed.feedId}`, `facts ${feed.feedId}`]);
    await world.slice(feed);
    expect((await world.book(feed)).map((booked) => booked.transaction_id)).toEqual(some.map(({ id }) => id));
    await world.pool.query(`UPDATE feeds SET swept_at = NULL`);
    await run(temporalWakeFeeds);
    expect(world.woken).toHaveLength(2);
    expect(world.woken.join()).not.toContain(idle.feedId);
  });

  it('is made up for in the same minutes as one before it, when that was heard', async () => {
    const feed = await liveFeed();
    await world.addPostings(feed, some);
    await settled();
    await run(temporalWakeFeeds);
    await world.slice(feed);
    // Woken a minute ago for what it has delivered since; what came then has lost its signal, too.
    await world.pool.query(`UPDATE feeds SET swept_at = now() - interval '3 minutes' WHERE feed_id = $1`, [
      feed.feedId,
    ]);
    await world.addPostings(feed, postingsFrom({ from: '2026-03-09T00:00:00Z', count: 1, prefix: 'later' }));
    await world.pool.query(
      `UPDATE postings SET received_at = now() - interval '1 minute' WHERE account_id = $1 AND transaction_id LIKE 'later%'`,
      [feed.accountId],
    );
    expect(await run(temporalWakeFeeds)).toMatchObject({ repaired: 1 });
    expect(world.woken).toEqual([`facts ${feed.feedId}`, `facts ${feed.feedId}`]);
  });

  it('is not taken for lost while the signal may be on its way', async () => {
    const feed = await liveFeed();
    await settled();
    await world.addPostings(feed, some);
    await run(temporalWakeFeeds);
    expect(world.woken).toEqual([]);
  });

  it('is none where the feed could not send, is parked, or tries again by itself', async () => {
    const feeds = [await liveFeed(), await liveFeed(), await liveFeed(), await liveFeed()];
    const [paused, parked, troubled, refused] = feeds as [
      DeliveryFeed,
      DeliveryFeed,
      DeliveryFeed,
      DeliveryFeed,
    ];
    for (const feed of feeds) await world.addPostings(feed, some);
    await applyFeedRequest(world.pool, { feedId: paused.feedId, action: 'pause' });
    const reason = { detail: null, timeline: true };
    await recordReason(world.pool, { feedId: parked.feedId, reason: 'job_lost', ...reason });
    await recordReason(world.pool, {
      feedId: troubled.feedId,
      reason: 'peer_unavailable',
      detail: null,
      timeline: false,
    });
    await recordConnectionRefused(world.pool, { ...refused, code: 'NEEDS_UPDATE', words: null });
    await settled();
    await run(temporalWakeFeeds);
    expect(world.woken).toEqual([]);
  });

  it('reaches a feed that is owed a look which nobody gave it', async () => {
    const feed = await world.makeFeed();
    await recordAccountsSeen(world.pool, {
      connectionId: feed.connectionId,
      accounts: [{ rutterAccountId: feed.rutterAccountId, ready: true, transactionStartDate: startDate }],
    });
    await run(temporalWakeFeeds);
    expect(world.woken).toEqual([]);
    await settled();
    await run(temporalWakeFeeds);
    await run(temporalWakeFeeds);
    expect(world.woken).toEqual([`facts ${feed.feedId}`]);
  });
});

describe('alerts', () => {
  const ago = (feed: DeliveryFeed, interval: string) =>
    world.pool.query(
      `UPDATE feeds SET last_synced_at = last_synced_at - $2::interval, sendable_since = sendable_since - $2::interval,
              reason_at = reason_at - $2::interval WHERE feed_id = $1`,
      [feed.feedId, interval],
    );
  const review = () => run(dbReviewAlerts);

  it('tell of a feed that is later than its promise exactly once, with its reason, until it has caught up', async () => {
    const feed = await liveFeed();
    await review();
    expect(await standing()).toEqual([]);
    await recordReason(world.pool, {
      feedId: feed.feedId,
      reason: 'peer_unavailable',
      detail: null,
      timeline: false,
    });
    await ago(feed, '25 hours');
    await review();
    await review();
    expect(told().filter((line) => line.includes('feed_late'))).toEqual(['ERROR alert raised: feed_late']);
    expect(await standing()).toContainEqual({
      code: 'feed_late',
      subject: feed.feedId,
      detail: expect.objectContaining({ reason: 'peer_unavailable', backfilling: false }),
    });
    await recordCaughtUp(world.pool, { feedId: feed.feedId, nextSyncAtMs: Date.now() });
    await review();
    expect(await standing()).toEqual([]);
    expect(told().filter((line) => line.includes('feed_late'))).toEqual([
      'ERROR alert raised: feed_late',
      'INFO alert ended: feed_late',
    ]);
  });

  it('do not call a feed late for the time in which it might not send', async () => {
    const feed = await liveFeed();
    await applyFeedRequest(world.pool, { feedId: feed.feedId, action: 'pause' });
    await ago(feed, '40 days');
    await review();
    expect(await standing()).toEqual([]);
    await applyFeedRequest(world.pool, { feedId: feed.feedId, action: 'resume' });
    await review();
    expect(await standing()).toEqual([]);
  });

  it('call a parked feed by its reason until somebody has it tried again', async () => {
    const feed = await liveFeed();
    await recordReason(world.pool, {
      feedId: feed.feedId,
      reason: 'refused_by_sage',
      detail: 'words of the provider',
      timeline: true,
    });
    await review();
    await review();
    expect(await standing()).toEqual([
      { code: 'feed_parked', subject: feed.feedId, detail: { reason: 'refused_by_sage' } },
    ]);
    expect(inspect(lines, { depth: 10 })).not.toContain('words of the provider');
    await applyFeedRequest(world.pool, { feedId: feed.feedId, action: 'resume' });
    await review();
    expect(await standing()).toEqual([]);
    // The same again is a new event, and is told again.
    await recordReason(world.pool, {
      feedId: feed.feedId,
      reason: 'refused_by_sage',
      detail: null,
      timeline: true,
    });
    await review();
    expect(told().filter((line) => line.includes('raised'))).toHaveLength(2);
  });

  it('tell of a passing trouble only when it has stood for ten minutes, however often it was noted', async () => {
    const feed = await liveFeed();
    const note = () =>
      recordReason(world.pool, {
        feedId: feed.feedId,
        reason: 'peer_unavailable',
        detail: null,
        timeline: false,
      });
    await note();
    await review();
    expect(await standing()).toEqual([]);
    await ago(feed, '11 minutes');
    await note();
    await review();
    expect(await standing()).toMatchObject([
      { code: 'trouble_lasts', detail: { reason: 'peer_unavailable' } },
    ]);
    await recordCaughtUp(world.pool, { feedId: feed.feedId, nextSyncAtMs: Date.now() });
    await note();
    await review();
    expect(await standing()).toEqual([]);
  });

  it('tell of refused credentials once for the service, until they are good, be all its feeds paused', async () => {
    const feeds = [await liveFeed(), await liveFeed()];
    await world.control('POST', '/organisations/revoke', { revoked: true });
    for (const feed of feeds) {
      await world.addPostings(feed, postingsFrom({ from: '2026-03-02T00:00:00Z', count: 1 }));
      await expect(world.slice(feed)).rejects.toMatchObject({ type: 'PeerUnavailable' });
      await ago(feed, '11 minutes');
    }
    await review();
    expect(await standing()).toEqual([{ code: 'organisation_refused', subject: 'service', detail: {} }]);
    for (const feed of feeds) await applyFeedRequest(world.pool, { feedId: feed.feedId, action: 'pause' });
    await world.control('POST', '/organisations/revoke', { revoked: false });
    await world.control('DELETE', '/violations');
    await world.pool.query(`UPDATE provider_outages SET probed_at = probed_at - interval '31 seconds'`);
    await review();
    expect(await standing()).toEqual([]);
  });

  it('tell of postings that were set aside, once a feed, as long as there are any', async () => {
    const feed = await liveFeed();
    const set = (exception: string | null) =>
      world.pool.query(
        `INSERT INTO ledger (feed_id, transaction_id, batch_id, position, exception)
         VALUES ($1, 'q-1', gen_random_uuid(), 0, $2), ($1, 'q-2', gen_random_uuid(), 0, $2)
         ON CONFLICT (feed_id, transaction_id) DO UPDATE SET exception = $2`,
        [feed.feedId, exception],
      );
    await set('quarantined');
    await review();
    expect(await standing()).toEqual([
      { code: 'postings_quarantined', subject: feed.feedId, detail: { count: 2 } },
    ]);
    await set('discarded');
    await review();
    expect(await standing()).toEqual([]);
  });

  it('end with the feed when it is closed', async () => {
    const feed = await liveFeed();
    await recordReason(world.pool, {
      feedId: feed.feedId,
      reason: 'job_lost',
      detail: null,
      timeline: true,
    });
    await ago(feed, '2 days');
    await review();
    expect(await standing()).toHaveLength(2);
    await applyFeedRequest(world.pool, { feedId: feed.feedId, action: 'close' });
    await review();
    expect(await standing()).toEqual([]);
  });

  it('are told again when the process died between the line and its mark, and then no more', async () => {
    const feed = await liveFeed();
    await recordReason(world.pool, {
      feedId: feed.feedId,
      reason: 'job_lost',
      detail: null,
      timeline: true,
    });
    const dies = {
      raised: () => {
        throw new Error('killed');
      },
      ended: () => undefined,
      manyRaised: () => undefined,
      manyEnded: () => undefined,
    };
    await world.pool.query(`INSERT INTO alerts (code, subject, feed_id) VALUES ('feed_parked', $1, $2)`, [
      feed.feedId,
      feed.feedId,
    ]);
    await expect(announceAlerts(world.pool, dies)).rejects.toThrow('killed');
    await review();
    await review();
    expect(told()).toEqual(['ERROR alert raised: feed_parked']);
  });

  it('stay one for one condition when two reviews run at the same time', async () => {
    const feed = await liveFeed();
    await recordReason(world.pool, {
      feedId: feed.feedId,
      reason: 'job_lost',
      detail: null,
      timeline: true,
    });
    await Promise.all([review(), review(), review()]);
    expect(await standing()).toHaveLength(1);
    expect(told()).toEqual(['ERROR alert raised: feed_parked']);
  });
});

it('shows its age as long as any of its chores has not run', async () => {
  await world.pool.query(`UPDATE sweeps SET ran_at = now() - interval '5 minutes'`);
  await run(temporalRestartFeeds);
  await run(temporalNudgeConnections);
  await run(dbReviewAlerts);
  expect(await readSweepAge(world.pool)).toBeGreaterThan(299);
  await run(temporalRestartSage);
  await run(temporalWakeFeeds);
  expect(await readSweepAge(world.pool)).toBeLessThan(60);
});
