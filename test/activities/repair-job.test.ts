import { inspect } from 'node:util';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger, type LogEntry } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dbReviewAlerts as reviewAlertsOf } from '../../src/activities/review-alerts.js';
import { activityChannels, type ActivityDeps } from '../../src/activities/channels.js';
import { dbChannels } from '../../src/db/channels.js';
import { temporalRestartConnections } from '../../src/activities/rutter/connection/restart-connections.js';
import { temporalRestartFeeds } from '../../src/activities/rutter/delivery/restart-feeds.js';
import { temporalEndCommands } from '../../src/activities/end-commands.js';
import { temporalRestartHandoffs } from '../../src/activities/rutter/handoff/restart-handoffs.js';
import { temporalRestartSageWorkflows } from '../../src/activities/sage-banking/restart-workflows.js';
import { temporalWakeFeeds } from '../../src/activities/rutter/delivery/wake-feeds.js';
import { announceAlerts } from '../../src/db/announce-alerts.js';
import {
  applyFeedRequest,
  recordAccountsSeen,
  recordCaughtUp,
  recordConnectionRefused,
  recordReason,
} from '../../src/db/rutter/feed-facts.js';
import { readRepairAge } from '../../src/db/repair-tasks.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../support/rutter/delivery-fixture.js';

const startDate = '2026-03-01T00:00:00.000Z';
let fixture: DeliveryFixture;
let deps: ActivityDeps;
/** Ids of feeds and connections whose workflow does not run. */
const missing = new Set<string>();
const requestedCounts: number[] = [];
let lines: LogEntry[] = [];

beforeAll(async () => {
  fixture = await createDeliveryFixture();
  const missingAmong = (ids: readonly string[]) => {
    requestedCounts.push(ids.length);
    expect([...ids].sort()).toEqual(ids);
    return Promise.resolve(ids.filter((id) => missing.has(id)));
  };
  const workflows = {
    ...fixture.deps.workflows,
    missingFeeds: ({ feedIds }: { feedIds: readonly string[] }) => missingAmong(feedIds),
    missingConnections: ({ connectionIds }: { connectionIds: readonly string[] }) =>
      missingAmong(connectionIds),
  };
  deps = { ...fixture.deps, workflows };
});
afterAll(async () => {
  await fixture.close();
});
beforeEach(async () => {
  missing.clear();
  requestedCounts.length = 0;
  lines = [];
  fixture.woken.length = 0;
  await fixture.pool.query(`DELETE FROM alerts`);
  await fixture.pool.query(`DELETE FROM rejected_credentials`);
  await fixture.pool.query(`UPDATE feeds SET operator = 'closed', state = 'closed', check_requested = false`);
  await fixture.pool.query(`UPDATE repair_tasks SET cursor_id = NULL`);
});

const dbReviewAlerts = (own: ActivityDeps) =>
  reviewAlertsOf<ActivityDeps>(own, { channels: activityChannels, dbChannels });

async function run<T>(
  activity: (deps: ActivityDeps) => () => Promise<T>,
  over: Partial<ActivityDeps> = {},
): Promise<T> {
  const logger = new DefaultLogger('INFO', (entry) => lines.push(entry));
  return await new MockActivityEnvironment({}, { logger }).run(activity({ ...deps, ...over }));
}

async function letAnHourPass(): Promise<void> {
  await fixture.pool.query(
    `UPDATE feeds SET created_at = created_at - interval '1 hour', state_since = state_since - interval '1 hour',
            updated_at = updated_at - interval '1 hour', published_at = published_at - interval '1 hour'`,
  );
  await fixture.pool.query(`UPDATE postings SET received_at = received_at - interval '1 hour'`);
}

async function liveFeed(input: { connectionId?: string } = {}): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed(input);
  await recordAccountsSeen(fixture.pool, {
    bankTimeZone: null,
    connectionId: feed.connectionId,
    accounts: [{ rutterAccountId: feed.rutterAccountId, ready: true, transactionStartDate: startDate }],
  });
  await fixture.control('POST', `/accounts/${feed.rutterAccountId}/select`, {
    transaction_start_date: startDate,
  });
  await fixture.deliveryRun(feed);
  return feed;
}

const reported = () =>
  lines
    .filter((entry) => entry.message.startsWith('alert '))
    .map((entry) => `${entry.level} ${entry.message}: ${String(entry.meta?.['code'])}`);

/** As text, ISO 8601. */
const since = expect.stringMatching(/^\d{4}-.*Z$/) as string;

async function openAlerts(): Promise<{ code: string; subject: string; detail: Record<string, unknown> }[]> {
  const { rows } = await fixture.pool.query(
    `SELECT code, subject, detail FROM alerts WHERE ended_at IS NULL ORDER BY code, subject`,
  );
  return rows;
}

it('shows no growing age where the `sage-banking` channel is not configured', async () => {
  await fixture.pool.query(`UPDATE repair_tasks SET ran_at = now()`);
  await fixture.pool.query(
    `UPDATE repair_tasks SET ran_at = now() - interval '1 hour' WHERE name LIKE 'sage%'`,
  );
  expect(await readRepairAge(fixture.pool)).toBeGreaterThan(3_000);
  expect(await run(temporalRestartSageWorkflows)).toEqual({ checked: 0, repaired: 0, roundEnded: true });
  expect(await readRepairAge(fixture.pool)).toBeLessThan(60);
});

describe('a feed that lost its workflow', () => {
  it('is restarted and reported once, and the alert ends when a complete round finds it running', async () => {
    const [lost, healthy] = [await liveFeed(), await liveFeed()];
    await letAnHourPass();
    missing.add(lost.feedId);
    expect(await run(temporalRestartFeeds)).toEqual({ checked: 2, repaired: 1, roundEnded: true });
    expect(fixture.woken).toEqual([`facts ${lost.feedId}`]);
    await run(dbReviewAlerts);
    expect(await openAlerts()).toMatchObject([{ code: 'workflow_missing', subject: lost.feedId }]);
    await run(temporalRestartFeeds);
    await run(dbReviewAlerts);
    expect(reported()).toEqual(['ERROR alert raised: workflow_missing']);
    missing.clear();
    await run(temporalRestartFeeds);
    await run(dbReviewAlerts);
    expect(await openAlerts()).toEqual([]);
    expect(reported()).toEqual([
      'ERROR alert raised: workflow_missing',
      'INFO alert ended: workflow_missing',
    ]);
    expect(fixture.woken).not.toContain(`facts ${healthy.feedId}`);
  });

  it('is not restarted while it is closed or has changed its state within the last minute', async () => {
    const closed = await liveFeed();
    const changed = await liveFeed();
    await letAnHourPass();
    await applyFeedRequest(fixture.pool, { feedId: closed.feedId, action: 'close' });
    await applyFeedRequest(fixture.pool, { feedId: changed.feedId, action: 'pause' });
    const young = await fixture.makeFeed();
    for (const feed of [closed, changed, young]) missing.add(feed.feedId);
    await run(temporalRestartFeeds);
    expect(fixture.woken).toEqual([]);
  });

  it('is found at any position among more feeds than one run checks', async () => {
    const feed = await liveFeed();
    await letAnHourPass();
    const { rows } = await fixture.pool.query<{ account_id: string }>(
      `INSERT INTO accounts (account_id, customer_id, name, type, currency)
       SELECT 'many-' || n, c.customer_id, 'Many', 'bank', 'GBP' FROM connections c, generate_series(1, 2500) n
        WHERE c.connection_id = $1 RETURNING account_id`,
      [feed.connectionId],
    );
    await fixture.pool.query(
      `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, operator, state, created_at, state_since)
       SELECT gen_random_uuid(), c.customer_id, t.id, c.connection_id, 'paused', 'paused', now() - interval '1 day',
              now() - interval '1 day'
         FROM connections c, unnest($2::text[]) AS t (id) WHERE c.connection_id = $1`,
      [feed.connectionId, rows.map((row) => row.account_id)],
    );
    missing.add(feed.feedId);
    const stopping = AbortSignal.abort();
    // A worker that is shutting down ends its run after the current page; the next run continues there.
    const checked: number[] = [];
    for (let runs = 0; runs < 3; runs += 1) {
      checked.push((await run(temporalRestartFeeds, { stopping })).checked);
    }
    expect(checked).toEqual([1_000, 1_000, 501]);
    expect(fixture.woken).toEqual([`facts ${feed.feedId}`]);
    await fixture.pool.query(`DELETE FROM feeds WHERE account_id LIKE 'many-%'`);
  });
});

describe('a connection that lost its workflow', () => {
  it('is woken while something is awaited on it, and reported', async () => {
    const waiting = await fixture.makeFeed();
    const refused = await liveFeed();
    const live = await liveFeed();
    await recordConnectionRefused(fixture.pool, { ...refused, code: 'NEEDS_UPDATE', message: null });
    await letAnHourPass();
    for (const feed of [waiting, refused, live]) missing.add(feed.connectionId);
    expect(await run(temporalRestartConnections)).toEqual({ checked: 2, repaired: 2, roundEnded: true });
    const woken = [waiting, refused].map(({ connectionId }) => `wake ${connectionId}`);
    expect([...fixture.woken].sort()).toEqual(woken.sort());
    expect(await openAlerts()).toMatchObject([{ code: 'workflow_missing' }, { code: 'workflow_missing' }]);
  });

  it('is not woken after thirty days, when its workflow has ended by itself', async () => {
    const waiting = await fixture.makeFeed();
    missing.add(waiting.connectionId);
    await fixture.pool.query(`UPDATE feeds SET state_since = now() - interval '31 days' WHERE feed_id = $1`, [
      waiting.feedId,
    ]);
    expect(await run(temporalRestartConnections)).toMatchObject({ checked: 0, repaired: 0 });
  });
});

describe('a lost wake-up signal', () => {
  const some = postingsFrom({ from: '2026-03-02T00:00:00Z', count: 3 });

  it('is replaced: a feed with an undelivered posting is woken once and delivers it', async () => {
    const [feed, idle] = [await liveFeed(), await liveFeed()];
    await fixture.addPostings(feed, some);
    await letAnHourPass();
    expect(await run(temporalWakeFeeds)).toMatchObject({ repaired: 1, roundEnded: true });
    expect(fixture.woken).toEqual([`facts ${feed.feedId}`]);
    // Its delivery run has not started yet: no second signal in the next minutes.
    await run(temporalWakeFeeds);
    expect(fixture.woken).toHaveLength(1);
    await fixture.pool.query(
      `UPDATE feeds SET repair_signaled_at = repair_signaled_at - interval '11 minutes'`,
    );
    await run(temporalWakeFeeds);
    expect(fixture.woken).toEqual([`facts ${feed.feedId}`, `facts ${feed.feedId}`]);
    await fixture.deliveryRun(feed);
    expect((await fixture.book(feed)).map((booked) => booked.transaction_id)).toEqual(
      some.map(({ id }) => id),
    );
    await fixture.pool.query(`UPDATE feeds SET repair_signaled_at = NULL`);
    await run(temporalWakeFeeds);
    expect(fixture.woken).toHaveLength(2);
    expect(fixture.woken.join()).not.toContain(idle.feedId);
  });

  it('is replaced within the same minutes as an earlier one that took effect', async () => {
    const feed = await liveFeed();
    await fixture.addPostings(feed, some);
    await letAnHourPass();
    await run(temporalWakeFeeds);
    await fixture.deliveryRun(feed);
    // It was woken for what it has delivered since; the signal of the later posting is lost, too.
    await fixture.pool.query(
      `UPDATE feeds SET repair_signaled_at = now() - interval '3 minutes' WHERE feed_id = $1`,
      [feed.feedId],
    );
    await fixture.addPostings(
      feed,
      postingsFrom({ from: '2026-03-09T00:00:00Z', count: 1, prefix: 'later' }),
    );
    await fixture.pool.query(
      `UPDATE postings SET received_at = now() - interval '1 minute' WHERE account_id = $1 AND transaction_id LIKE 'later%'`,
      [feed.accountId],
    );
    expect(await run(temporalWakeFeeds)).toMatchObject({ repaired: 1 });
    expect(fixture.woken).toEqual([`facts ${feed.feedId}`, `facts ${feed.feedId}`]);
  });

  it('is not considered lost while the signal may still arrive', async () => {
    const feed = await liveFeed();
    await letAnHourPass();
    await fixture.addPostings(feed, some);
    await run(temporalWakeFeeds);
    expect(fixture.woken).toEqual([]);
  });

  it('is not assumed for a feed that may not send, is blocked, or retries by itself', async () => {
    const feeds = [await liveFeed(), await liveFeed(), await liveFeed(), await liveFeed()];
    const [paused, blocked, failing, refused] = feeds as [
      DeliveryFeed,
      DeliveryFeed,
      DeliveryFeed,
      DeliveryFeed,
    ];
    for (const feed of feeds) await fixture.addPostings(feed, some);
    await applyFeedRequest(fixture.pool, { feedId: paused.feedId, action: 'pause' });
    const reason = { detail: null, timeline: true };
    await recordReason(fixture.pool, { feedId: blocked.feedId, reason: 'job_lost', ...reason });
    await recordReason(fixture.pool, {
      feedId: failing.feedId,
      reason: 'provider_unavailable',
      detail: null,
      timeline: false,
    });
    await recordConnectionRefused(fixture.pool, { ...refused, code: 'NEEDS_UPDATE', message: null });
    await letAnHourPass();
    await run(temporalWakeFeeds);
    expect(fixture.woken).toEqual([]);
  });

  it('is replaced for a feed whose requested check was not made', async () => {
    const feed = await fixture.makeFeed();
    await recordAccountsSeen(fixture.pool, {
      bankTimeZone: null,
      connectionId: feed.connectionId,
      accounts: [{ rutterAccountId: feed.rutterAccountId, ready: true, transactionStartDate: startDate }],
    });
    await run(temporalWakeFeeds);
    expect(fixture.woken).toEqual([]);
    await letAnHourPass();
    await run(temporalWakeFeeds);
    await run(temporalWakeFeeds);
    expect(fixture.woken).toEqual([`facts ${feed.feedId}`]);
  });
});

describe('alerts', () => {
  const moveBack = (feed: DeliveryFeed, interval: string) =>
    fixture.pool.query(
      `UPDATE feeds SET last_synced_at = last_synced_at - $2::interval, sendable_since = sendable_since - $2::interval,
              reason_at = reason_at - $2::interval WHERE feed_id = $1`,
      [feed.feedId, interval],
    );
  const review = () => run(dbReviewAlerts);

  it('report a late feed exactly once, with its reason, until it has caught up', async () => {
    const feed = await liveFeed();
    await review();
    expect(await openAlerts()).toEqual([]);
    await recordReason(fixture.pool, {
      feedId: feed.feedId,
      reason: 'provider_unavailable',
      detail: null,
      timeline: false,
    });
    await moveBack(feed, '25 hours');
    await review();
    await review();
    expect(reported().filter((line) => line.includes('feed_late'))).toEqual([
      'ERROR alert raised: feed_late',
    ]);
    expect(await openAlerts()).toContainEqual({
      code: 'feed_late',
      subject: feed.feedId,
      detail: expect.objectContaining({ reason: 'provider_unavailable', backfilling: false }),
    });
    await recordCaughtUp(fixture.pool, { feedId: feed.feedId, nextSyncAtMs: Date.now() });
    await review();
    expect(await openAlerts()).toEqual([]);
    expect(reported().filter((line) => line.includes('feed_late'))).toEqual([
      'ERROR alert raised: feed_late',
      'INFO alert ended: feed_late',
    ]);
  });

  it('do not count the time in which a feed may not send as late', async () => {
    const feed = await liveFeed();
    await applyFeedRequest(fixture.pool, { feedId: feed.feedId, action: 'pause' });
    await moveBack(feed, '40 days');
    await review();
    expect(await openAlerts()).toEqual([]);
    await applyFeedRequest(fixture.pool, { feedId: feed.feedId, action: 'resume' });
    await review();
    expect(await openAlerts()).toEqual([]);
  });

  it('report a blocked feed with its reason until an operator resumes it', async () => {
    const feed = await liveFeed();
    await recordReason(fixture.pool, {
      feedId: feed.feedId,
      reason: 'rejected_by_provider',
      detail: 'provider message',
      timeline: true,
    });
    await review();
    await review();
    expect(await openAlerts()).toEqual([
      { code: 'feed_blocked', subject: feed.feedId, detail: { reason: 'rejected_by_provider', since } },
    ]);
    expect(inspect(lines, { depth: 10 })).not.toContain('provider message');
    await applyFeedRequest(fixture.pool, { feedId: feed.feedId, action: 'resume' });
    await review();
    expect(await openAlerts()).toEqual([]);
    // The same reason later is a new event, and is reported again.
    await recordReason(fixture.pool, {
      feedId: feed.feedId,
      reason: 'rejected_by_provider',
      detail: null,
      timeline: true,
    });
    await review();
    expect(reported().filter((line) => line.includes('raised'))).toHaveLength(2);
  });

  it('report a transient failure only after it has lasted half a minute, however often it was recorded', async () => {
    const feed = await liveFeed();
    const recordFailure = () =>
      recordReason(fixture.pool, {
        feedId: feed.feedId,
        reason: 'provider_unavailable',
        detail: null,
        timeline: false,
      });
    await recordFailure();
    await review();
    expect(await openAlerts()).toEqual([]);
    await moveBack(feed, '31 seconds');
    await recordFailure();
    await review();
    expect(await openAlerts()).toMatchObject([
      { code: 'failure_persists', detail: { reason: 'provider_unavailable' } },
    ]);
    await recordCaughtUp(fixture.pool, { feedId: feed.feedId, nextSyncAtMs: Date.now() });
    await recordFailure();
    await review();
    expect(await openAlerts()).toEqual([]);
  });

  it('report rejected credentials once for the service until they are accepted, even if all feeds are paused', async () => {
    const feeds = [await liveFeed(), await liveFeed()];
    await fixture.control('POST', '/organisations/revoke', { revoked: true });
    for (const feed of feeds) {
      await fixture.addPostings(feed, postingsFrom({ from: '2026-03-02T00:00:00Z', count: 1 }));
      await expect(fixture.deliveryRun(feed)).rejects.toMatchObject({ type: 'ProviderUnavailable' });
      await moveBack(feed, '11 minutes');
    }
    await review();
    expect(await openAlerts()).toEqual([
      { code: 'credentials_rejected', subject: 'service', detail: { since } },
    ]);
    for (const feed of feeds) await applyFeedRequest(fixture.pool, { feedId: feed.feedId, action: 'pause' });
    await fixture.control('POST', '/organisations/revoke', { revoked: false });
    await fixture.control('DELETE', '/violations');
    await fixture.pool.query(`UPDATE rejected_credentials SET probed_at = probed_at - interval '31 seconds'`);
    await review();
    expect(await openAlerts()).toEqual([]);
  });

  it('report quarantined postings once per feed, as long as there are any', async () => {
    const feed = await liveFeed();
    const setException = (exception: string | null) =>
      fixture.pool.query(
        `INSERT INTO ledger (feed_id, transaction_id, batch_id, position, exception)
         VALUES ($1, 'q-1', gen_random_uuid(), 0, $2), ($1, 'q-2', gen_random_uuid(), 0, $2)
         ON CONFLICT (feed_id, transaction_id) DO UPDATE SET exception = $2`,
        [feed.feedId, exception],
      );
    await setException('quarantined');
    await review();
    expect(await openAlerts()).toEqual([
      { code: 'postings_quarantined', subject: feed.feedId, detail: { count: 2 } },
    ]);
    await setException('discarded');
    await review();
    expect(await openAlerts()).toEqual([]);
  });

  it('report possible duplicates once per feed, until an operator has decided on each', async () => {
    const feed = await liveFeed();
    const setHolds = (state: string) =>
      fixture.pool.query(
        `INSERT INTO posting_holds (feed_id, transaction_id, state, hold_reason)
         VALUES ($1, 'd-1', $2, 'possible_duplicate'), ($1, 'd-2', 'held', 'operator')
         ON CONFLICT (feed_id, transaction_id) DO UPDATE SET state = $2`,
        [feed.feedId, state],
      );
    await setHolds('held');
    await review();
    expect(await openAlerts()).toEqual([
      { code: 'possible_duplicates', subject: feed.feedId, detail: { count: 1 } },
    ]);
    await setHolds('discarded');
    await review();
    expect(await openAlerts()).toEqual([]);
  });

  it('end when their feed is closed', async () => {
    const feed = await liveFeed();
    await recordReason(fixture.pool, {
      feedId: feed.feedId,
      reason: 'job_lost',
      detail: null,
      timeline: true,
    });
    await moveBack(feed, '2 days');
    await review();
    expect(await openAlerts()).toHaveLength(2);
    await applyFeedRequest(fixture.pool, { feedId: feed.feedId, action: 'close' });
    await review();
    expect(await openAlerts()).toEqual([]);
  });

  it('are reported again after a crash between the log line and its record, and then no more', async () => {
    const feed = await liveFeed();
    await recordReason(fixture.pool, {
      feedId: feed.feedId,
      reason: 'job_lost',
      detail: null,
      timeline: true,
    });
    const crashing = {
      raised: () => {
        throw new Error('killed');
      },
      ended: () => undefined,
      manyRaised: () => undefined,
      manyEnded: () => undefined,
    };
    await fixture.pool.query(`INSERT INTO alerts (code, subject, feed_id) VALUES ('feed_blocked', $1, $2)`, [
      feed.feedId,
      feed.feedId,
    ]);
    await expect(announceAlerts(fixture.pool, crashing)).rejects.toThrow('killed');
    await review();
    await review();
    expect(reported()).toEqual(['ERROR alert raised: feed_blocked']);
  });

  it('are raised once per condition when several reviews run at the same time', async () => {
    const feed = await liveFeed();
    await recordReason(fixture.pool, {
      feedId: feed.feedId,
      reason: 'job_lost',
      detail: null,
      timeline: true,
    });
    await Promise.all([review(), review(), review()]);
    expect(await openAlerts()).toHaveLength(1);
    expect(reported()).toEqual(['ERROR alert raised: feed_blocked']);
  });
});

it('shows its age as long as any of its tasks has not run', async () => {
  await fixture.pool.query(`UPDATE repair_tasks SET ran_at = now() - interval '5 minutes'`);
  await run(temporalRestartFeeds);
  await run(temporalRestartConnections);
  await run(dbReviewAlerts);
  expect(await readRepairAge(fixture.pool)).toBeGreaterThan(299);
  await run(temporalRestartSageWorkflows);
  await run(temporalWakeFeeds);
  await run(temporalRestartHandoffs);
  await run((own) => temporalEndCommands<ActivityDeps>(own, activityChannels));
  expect(await readRepairAge(fixture.pool)).toBeLessThan(60);
});
