import { Client, Connection, type ScheduleHandle } from '@temporalio/client';
import { NativeConnection, Worker, type LogEntry } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActivities } from '../../src/activities/channels.js';
import { createActivityInterceptors } from '../../src/activities/interceptor.js';
import { parseKeyring } from '../../src/crypto/keyring.js';
import { recordAccountsSeen } from '../../src/db/rutter/feed-facts.js';
import {
  bankFeedWorkflowId,
  connectionWorkflowId,
  fleetRepairScheduleId,
  taskQueues,
} from '../../src/domain/ids.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { createFacade, type Facade } from '../../src/temporal/channels.js';
import { ensureSchedules } from '../../src/temporal/schedules.js';
import { registerSearchAttributes } from '../../src/temporal/search-attributes.js';
import { workerOptions } from '../../src/temporal/worker-options.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../support/rutter/delivery-fixture.js';
import { replayKeys } from '../support/replay-key.js';
import { installRuntime } from '../support/runtime.js';
import { createTestNamespace } from '../support/temporal.js';
import { until } from '../support/until.js';
import { bundleWorkflows } from '../support/workflow-environment.js';

/*
 * The repair job as its Schedule runs it: a real Temporal server with real workers, a real PostgreSQL, and the sandbox's book
 * as the checker. The tests fire the Schedule themselves instead of waiting for its minute.
 */

/** The runs end at once: tests fire one after the other. */
const reviewedOnceMs = 60_000;
const startDate = '2026-03-01T00:00:00.000Z';
const soon = { timeoutMs: 60_000, everyMs: 100 };
let fixture: DeliveryFixture;
let client: Client;
let facade: Facade;
let schedule: ScheduleHandle;
let workers: Worker[];
let running: Promise<void>[];
let close: () => Promise<unknown>;
const lines: LogEntry[] = [];

beforeAll(async () => {
  installRuntime((entry) => lines.push(entry));
  const keys = parseKeyring(replayKeys);
  if (!keys.ok) throw new Error('the replay key is unusable');
  const dataConverter = createDataConverter(keys.keyring);
  const [made, workflowBundle, { address, namespace }] = await Promise.all([
    createDeliveryFixture(),
    bundleWorkflows(),
    createTestNamespace({ register: registerSearchAttributes }),
  ]);
  fixture = made;
  const [connection, native] = await Promise.all([
    Connection.connect({ address }),
    NativeConnection.connect({ address }),
  ]);
  client = new Client({ connection, namespace, dataConverter });
  const workflows = createFacade(client);
  facade = workflows;
  await Promise.all([
    ensureSchedules(client, reviewedOnceMs),
    ensureSchedules(client, reviewedOnceMs),
    ensureSchedules(client, reviewedOnceMs),
  ]);
  schedule = client.schedule.getHandle(fleetRepairScheduleId);
  const activities = createActivities({ ...fixture.deps, workflows });
  const shared = { connection: native, namespace, dataConverter };
  const acting = { activities, interceptors: { activity: [createActivityInterceptors] } };
  workers = await Promise.all([
    Worker.create({
      ...shared,
      ...workerOptions.workflows,
      workflowBundle,
      taskQueue: taskQueues.workflows,
    }),
    Worker.create({ ...shared, ...workerOptions.deliver, ...acting, taskQueue: taskQueues.deliver }),
    Worker.create({ ...shared, ...workerOptions.interactive, ...acting, taskQueue: taskQueues.interactive }),
  ]);
  running = workers.map((worker) => worker.run());
  close = () => Promise.allSettled([connection.close(), native.close()]);
});
afterAll(async () => {
  await schedule.delete();
  for (const worker of workers) worker.shutdown();
  await Promise.all(running);
  await close();
  await fixture.close();
});

/** Fires the Schedule and waits for the end of a run that began afterwards. */
async function repair(): Promise<void> {
  const before = await repairsEnded();
  await until(
    async () => {
      // A firing while a run is under way is skipped, as it should be.
      await schedule.trigger();
      return (await repairsEnded()) > before + 1;
    },
    { ...soon, everyMs: 300, describe: 'two more repair_tasks have ended' },
  );
}

async function repairsEnded(): Promise<number> {
  const { recentActions, numActionsTaken, runningActions } = (await schedule.describe()).info;
  return recentActions.length === 0 ? 0 : numActionsTaken - runningActions.length;
}

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
  await facade.wakeFeed(feed);
  await until(() => inState(feed, 'live'), { ...soon, describe: 'the feed is live' });
  return feed;
}

async function inState(feed: DeliveryFeed, state: string): Promise<boolean> {
  const { rows } = await fixture.pool.query(`SELECT 1 FROM feeds WHERE feed_id = $1 AND state = $2`, [
    feed.feedId,
    state,
  ]);
  return rows.length === 1;
}

/** As if all of it had happened an hour ago. */
async function complete(): Promise<void> {
  await fixture.pool.query(
    `UPDATE feeds SET created_at = created_at - interval '1 hour', state_since = state_since - interval '1 hour',
            updated_at = updated_at - interval '1 hour'`,
  );
  await fixture.pool.query(`UPDATE postings SET received_at = received_at - interval '1 hour'`);
}

async function untilBooked(feed: DeliveryFeed, ids: readonly string[]): Promise<void> {
  const booked = async () => (await fixture.book(feed)).map((transaction) => transaction.transaction_id);
  await until(async () => (await booked()).length >= ids.length, {
    ...soon,
    describe: `${String(ids.length)} postings are at Rutter`,
  });
  expect(await booked()).toEqual(ids);
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
}

const logged = (message: string, feed: DeliveryFeed) =>
  lines
    .filter((entry) => entry.message === message && entry.meta?.['feedId'] === feed.feedId)
    .map((entry) => entry.meta?.['code']);

describe('the repair job', () => {
  it('is one Schedule however many workers start at once, skips while it runs and makes up for no outage', async () => {
    await ensureSchedules(client, reviewedOnceMs);
    const described = await schedule.describe();
    expect(described.policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 60_000 });
    expect(described.spec.intervals).toMatchObject([{ every: 60_000 }]);
  });

  it('stays paused when an operator has paused it and a worker starts', async () => {
    await schedule.pause('during the move');
    await ensureSchedules(client, reviewedOnceMs);
    expect((await schedule.describe()).state).toMatchObject({ paused: true, note: 'during the move' });
    await schedule.unpause();
  });

  it('restarts a feed whose workflow was terminated in the middle of its backfill, which continues without loss', async () => {
    const feed = await liveFeed();
    const sent = postingsFrom({ from: '2026-03-02T00:00:00Z', count: 4_500 });
    await fixture.addPostings(feed, sent);
    await fixture.control('POST', '/knobs', { jobRunMs: 700 });
    await facade.wakeFeed(feed);
    await until(async () => (await fixture.book(feed)).length >= 1_000, {
      ...soon,
      describe: 'a batch is booked',
    });
    await client.workflow.getHandle(bankFeedWorkflowId(feed.feedId)).terminate('by mistake');
    await fixture.control('POST', '/knobs', { jobRunMs: 0 });
    await complete();
    // Temporal's list of running workflows lags: the first repair job may still see the one that was terminated.
    const restarted = async (): Promise<boolean> => {
      await repair();
      const { status } = await client.workflow.getHandle(bankFeedWorkflowId(feed.feedId)).describe();
      return status.name === 'RUNNING';
    };
    await until(restarted, { ...soon, describe: 'the feed has a workflow again' });
    await untilBooked(
      feed,
      sent.map(({ id }) => id),
    );
    await until(() => inState(feed, 'live'), { ...soon, describe: 'the feed is live again' });
    await repair();
    expect(logged('alert raised', feed)).toEqual(['workflow_missing']);
    expect(logged('alert ended', feed)).toEqual(['workflow_missing']);
  });

  it('starts the workflow of a connection again on which an activation is awaited', async () => {
    const feed = await fixture.makeFeed();
    await facade.feedFactsChanged(feed);
    await complete();
    const handle = client.workflow.getHandle(connectionWorkflowId(feed.connectionId));
    const started = async (): Promise<boolean> => {
      await repair();
      return (await handle.describe()).status.name === 'RUNNING';
    };
    await until(started, { ...soon, describe: 'the connection has a workflow again' });
    await fixture.control('POST', `/accounts/${feed.rutterAccountId}/select`, {
      transaction_start_date: startDate,
    });
    await until(() => inState(feed, 'live'), { ...soon, describe: 'the feed is live' });
  });

  it('delivers a committed posting whose signal was lost', async () => {
    const feed = await liveFeed();
    const sent = postingsFrom({ from: '2026-03-02T00:00:00Z', count: 3, prefix: 'unheard' });
    await fixture.addPostings(feed, sent);
    await complete();
    await repair();
    await untilBooked(
      feed,
      sent.map(({ id }) => id),
    );
  });

  it('reports a late feed once, and its end when it has caught up', async () => {
    const feed = await liveFeed();
    await fixture.pool.query(
      `UPDATE feeds SET last_synced_at = last_synced_at - interval '25 hours',
              sendable_since = sendable_since - interval '25 hours' WHERE feed_id = $1`,
      [feed.feedId],
    );
    const raised = async (): Promise<boolean> => {
      await repair();
      return logged('alert raised', feed).length > 0;
    };
    await until(raised, { ...soon, describe: 'the alert is raised' });
    await repair();
    expect(logged('alert raised', feed)).toEqual(['feed_late']);
    expect(logged('alert ended', feed)).toEqual([]);
    await facade.requestOfFeed({ feedId: feed.feedId, action: 'sync' });
    await until(
      async () => {
        await repair();
        return logged('alert ended', feed).length > 0;
      },
      { ...soon, describe: 'the alert has ended' },
    );
    expect(logged('alert raised', feed)).toEqual(['feed_late']);
  });
});
