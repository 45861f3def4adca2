import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { countAlerts } from '../../../src/db/alerts.js';
import { dbChannels } from '../../../src/db/channels.js';
import { listFeedViews, type FeedFilters, type FeedView } from '../../../src/db/feed-views.js';
import { recordAccountsSeen } from '../../../src/db/rutter/feed-facts.js';
import { bankFeedWorkflowId, fleetRepairScheduleId } from '../../../src/domain/ids.js';
import { ensureSchedules } from '../../../src/temporal/schedules.js';
import { feedStatus } from '../../../src/workflows/rutter/bank-feed/messages.js';
import { startRealWorkers, type RealWorkers } from '../../support/real-workers.js';
import {
  createDeliveryFixture,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';
import { until } from '../../support/until.js';

/*
 * Rutter fails for a while and one posting waits: a real Temporal server with real workers, a real PostgreSQL and the
 * sandbox. What an operator looks at says so at once, and everything returns by itself.
 */

const startDate = '2026-03-01T00:00:00.000Z';
const soon = { timeoutMs: 120_000, everyMs: 100 };
const alertWithinMs = 60_000;
let fixture: DeliveryFixture;
let workers: RealWorkers;
beforeAll(async () => {
  fixture = await createDeliveryFixture();
  workers = await startRealWorkers((workflows) => ({ ...fixture.deps, workflows }));
});
afterAll(async () => {
  await workers.stop();
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
});

const always = (fault: object) => fixture.control('POST', '/faults', { times: 0, ...fault });
const listed = (filters: FeedFilters): Promise<FeedView[]> =>
  listFeedViews(fixture.pool, dbChannels, { ...filters, limit: 10 });
const viewOf = async ({ accountId }: DeliveryFeed) => (await listed({ accountId }))[0];

async function liveFeed(): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed();
  await fixture.control('POST', `/accounts/${feed.rutterAccountId}/select`, {
    transaction_start_date: startDate,
  });
  await recordAccountsSeen(fixture.pool, {
    bankTimeZone: null,
    connectionId: feed.connectionId,
    accounts: [{ rutterAccountId: feed.rutterAccountId, ready: true, transactionStartDate: startDate }],
  });
  await workers.facade.wakeFeed(feed);
  await until(async () => (await viewOf(feed))?.state === 'live', { ...soon, describe: 'the feed is live' });
  return feed;
}

async function send(feed: DeliveryFeed, id: string): Promise<void> {
  await fixture.addPostings(feed, [{ id, postedAt: '2026-03-02T08:00:00Z' }]);
  await workers.facade.wakeFeed(feed);
}

const isFound = async (query: string, feed: DeliveryFeed) =>
  (await workers.find(query)).includes(bankFeedWorkflowId(feed.feedId));

async function eventsOf(feed: DeliveryFeed) {
  const { events } = await workers.client.workflow.getHandle(bankFeedWorkflowId(feed.feedId)).fetchHistory();
  const all = events ?? [];
  return {
    reports: all.filter(
      (event) => event.workflowExecutionSignaledEventAttributes?.signalName === 'statusReported',
    ).length,
    runs: all.filter((event) => event.activityTaskScheduledEventAttributes != null).length,
    markers: all.filter((event) => event.markerRecordedEventAttributes != null).length,
  };
}

/** Whether workflow, list and filters all show the feed as degraded, or none of them. */
async function untilShown(feed: DeliveryFeed, cause: string): Promise<void> {
  await until(() => isFound(`FeedReason = 'provider_unavailable'`, feed), {
    ...soon,
    describe: 'the search attribute finds the workflow',
  });
  const details = await workers.detailsOf(bankFeedWorkflowId(feed.feedId));
  expect(details).toContain('Nothing can be sent at the moment; it is retried.');
  expect(details).toContain(`: ${cause}.`);
  expect(details).not.toContain('Everything is delivered');
  const handle = workers.client.workflow.getHandle(bankFeedWorkflowId(feed.feedId));
  expect(await handle.query(feedStatus)).toMatchObject({ degraded: { cause } });
  const view = await viewOf(feed);
  expect(view).toMatchObject({ reason: 'provider_unavailable', degraded: { cause, waiting: 1 } });
  expect(Date.parse(view?.degraded?.nextAttemptAt ?? '')).toBeGreaterThan(
    Date.parse(view?.degraded?.since ?? ''),
  );
  const { accountId } = feed;
  const waitingSinceBefore = new Date(Date.now() + 60_000).toISOString();
  for (const filter of [
    { degraded: true },
    { reason: 'provider_unavailable' },
    { waitingSinceBefore },
    { channel: 'rutter' as const, state: view?.state },
  ]) {
    expect([filter, (await listed({ accountId, ...filter })).length]).toEqual([filter, 1]);
  }
  for (const filter of [
    { degraded: false },
    { reason: 'unexpected_failure' },
    { channel: 'sage-banking' as const },
  ]) {
    expect([filter, (await listed({ accountId, ...filter })).length]).toEqual([filter, 0]);
  }
}

async function untilReturned(feed: DeliveryFeed): Promise<void> {
  await until(async () => (await fixture.bookedIds(feed)).length === 1, {
    ...soon,
    describe: 'it is delivered',
  });
  await until(async () => (await viewOf(feed))?.degraded === null, {
    ...soon,
    describe: 'the feed is not degraded',
  });
  expect(await viewOf(feed)).toMatchObject({ reason: null, degraded: null, waitingSince: null });
  await until(async () => !(await isFound(`FeedReason = 'provider_unavailable'`, feed)), {
    ...soon,
    describe: 'the search attribute is gone',
  });
  expect(await workers.detailsOf(bankFeedWorkflowId(feed.feedId))).toContain('Everything is delivered');
  expect(await fixture.violations()).toMatchObject({ violations: [] });
}

describe('while Rutter fails and a posting waits, the feed is degraded at once and returns by itself', () => {
  it.each([
    [
      '450 to everything',
      { kind: 'status', http_status: 450, body: { error_code: 'NO' } },
      'provider_refused',
    ],
    ['429 to everything', { kind: 'rate_limited', retry_after: '1' }, 'rate_limited'],
    ['an answer that cannot be read', { kind: 'malformed_body', shape: 'html' }, 'answer_not_understood'],
    ['no answer', { kind: 'hang_before_effect', match: { method: 'POST' } }, 'provider_timeout'],
  ])('with %s', async (_, fault, cause) => {
    const feed = await liveFeed();
    await always(fault);
    await send(feed, 'waiting');
    await untilShown(feed, cause);
    await fixture.control('DELETE', '/faults');
    await untilReturned(feed);
    expect((await eventsOf(feed)).reports).toBeLessThanOrEqual(3);
  });

  it('with 500, an alert is open within 60 s, a sync ends the wait, and the alert ends', async () => {
    const feed = await liveFeed();
    expect(await eventsOf(feed)).toMatchObject({ reports: 0, markers: 0 });
    await ensureSchedules(workers.client);
    await always({ kind: 'server_error_before_effect', match: { method: 'POST' } });
    await send(feed, 'waiting');
    await untilShown(feed, 'provider_error');
    const alerts = async () => (await countAlerts(fixture.pool)).get('failure_persists') ?? 0;
    await until(async () => (await alerts()) === 1, { ...soon, describe: 'the alert is open' });
    const { rows } = await fixture.pool.query<{ ms: number }>(
      `SELECT (extract(epoch FROM a.raised_at - f.degraded_since) * 1000)::float8 AS ms
         FROM alerts a JOIN feeds f USING (feed_id) WHERE a.feed_id = $1`,
      [feed.feedId],
    );
    expect(rows[0]?.ms).toBeLessThan(alertWithinMs);
    // By now the next attempt is half a minute away, or more: the request ends that wait with a run of its own.
    // Read before: the time between the two calls is one in which that attempt could come first.
    const { runs } = await eventsOf(feed);
    await fixture.control('DELETE', '/faults');
    await workers.facade.requestOfFeed({ feedId: feed.feedId, action: 'sync' });
    await untilReturned(feed);
    expect((await eventsOf(feed)).runs).toBeGreaterThan(runs + 1);
    await until(async () => (await alerts()) === 0, { ...soon, describe: 'the alert has ended' });
    await workers.client.schedule.getHandle(fleetRepairScheduleId).delete();
    const said = workers.lines
      .filter(({ meta }) => meta?.['feedId'] === feed.feedId)
      .map(({ message }) => message);
    expect(said.filter((message) => message === 'feed is degraded')).toHaveLength(1);
    expect(said.filter((message) => message === 'feed proceeds again')).toHaveLength(1);
  });
});
