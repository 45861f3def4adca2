import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker, type WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActivities } from '../../../src/activities/channels.js';
import { createActivityInterceptors } from '../../../src/activities/interceptor.js';
import { recordAccountsSeen } from '../../../src/db/rutter/feed-facts.js';
import { bankFeedWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { createFacade, type Facade } from '../../../src/temporal/channels.js';
import { registerSearchAttributes } from '../../../src/temporal/search-attributes.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
  type FixturePosting,
} from '../../support/rutter/delivery-fixture.js';
import { installRuntime } from '../../support/runtime.js';
import { createTestNamespace } from '../../support/temporal.js';
import { until } from '../../support/until.js';
import { bundleWorkflows } from '../../support/workflow-environment.js';

/*
 * A deployment of code that does not fit the histories of running feeds (decision 0013): a real Temporal
 * server, real workers, real deliveries, the sandbox's book as the checker.
 */

const startDate = '2026-03-01T00:00:00.000Z';
const soon = { timeoutMs: 90_000, everyMs: 100 };
let fixture: DeliveryFixture;
let client: Client;
let facade: Facade;
let native: NativeConnection;
let connection: Connection;
let namespace: string;
let fitting: WorkflowBundle;
let careless: WorkflowBundle;
const activityWorkers: { worker: Worker; ended: Promise<void> }[] = [];

beforeAll(async () => {
  // The failures of workflow tasks are wanted here.
  installRuntime(() => undefined);
  const testNamespace = createTestNamespace({ register: registerSearchAttributes });
  fixture = await createDeliveryFixture();
  fitting = await bundleWorkflows();
  careless = await bundleWorkflows('added command');
  const { address, namespace: made } = await testNamespace;
  namespace = made;
  connection = await Connection.connect({ address });
  native = await NativeConnection.connect({ address });
  client = new Client({ connection, namespace });
  const workflows = createFacade(client);
  facade = workflows;
  const activities = createActivities({ ...fixture.deps, workflows });
  const interceptors = { activity: [createActivityInterceptors] };
  for (const taskQueue of [taskQueues.deliver, taskQueues.interactive]) {
    const worker = await Worker.create({
      connection: native,
      namespace,
      taskQueue,
      activities,
      interceptors,
    });
    activityWorkers.push({ worker, ended: worker.run() });
  }
});
afterAll(async () => {
  for (const { worker } of activityWorkers) worker.shutdown();
  await Promise.all(activityWorkers.map(({ ended }) => ended));
  await Promise.allSettled([connection.close(), native.close()]);
  await fixture.close();
});

/** Deploys: a worker with this code runs the workflows while `work` goes on, and is stopped at its end. */
async function withWorkflows(workflowBundle: WorkflowBundle, work: () => Promise<void>): Promise<void> {
  const worker = await Worker.create({
    connection: native,
    namespace,
    workflowBundle,
    taskQueue: taskQueues.workflows,
  });
  await worker.runUntil(work);
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
  await untilState(feed, 'live');
  return feed;
}

async function untilState(feed: DeliveryFeed, state: string): Promise<void> {
  await until(
    async () => {
      const row = await fixture.pool.query(`SELECT 1 FROM feeds WHERE feed_id = $1 AND state = $2`, [
        feed.feedId,
        state,
      ]);
      return row.rowCount === 1;
    },
    { ...soon, describe: `the feed is ${state}` },
  );
}

async function untilBooked(feed: DeliveryFeed, sent: readonly FixturePosting[]): Promise<void> {
  await until(async () => (await fixture.bookedIds(feed)).length >= sent.length, {
    ...soon,
    describe: `${String(sent.length)} postings are at Rutter`,
  });
  expect(await fixture.bookedIds(feed)).toEqual(sent.map(({ id }) => id));
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
}

/** The newest run's events of a failed workflow task. */
async function failedTasks(feed: DeliveryFeed): Promise<string[]> {
  const { events } = await client.workflow.getHandle(bankFeedWorkflowId(feed.feedId)).fetchHistory();
  return (events ?? []).flatMap((event) => {
    const message = event.workflowTaskFailedEventAttributes?.failure?.message;
    return message == null ? [] : [message];
  });
}

describe('a deployment of code that does not fit a running feed', () => {
  it('makes its task wait, loses nothing meanwhile, and code that fits continues the feed', async () => {
    const first = postingsFrom({ from: '2026-03-02T00:00:00Z', count: 3, prefix: 'before' });
    const second = postingsFrom({ from: '2026-03-03T00:00:00Z', count: 1_500, prefix: 'during' });
    const third = postingsFrom({ from: '2026-03-05T00:00:00Z', count: 3, prefix: 'after' });
    let feed: DeliveryFeed | undefined;
    await withWorkflows(fitting, async () => {
      feed = await liveFeed();
      await fixture.addPostings(feed, first);
      await facade.wakeFeed(feed);
      await untilBooked(feed, first);
      await untilState(feed, 'live');
    });
    const running = feed!;
    await withWorkflows(careless, async () => {
      await fixture.addPostings(running, second);
      await facade.wakeFeed(running);
      await until(async () => (await failedTasks(running)).length > 0, {
        ...soon,
        describe: 'the workflow task has failed',
      });
      expect((await failedTasks(running)).join()).toMatch(/[Nn]ondeterminism/);
      // An operator's request of that time is kept as well.
      await facade.requestOfFeed({ feedId: running.feedId, action: 'sync' });
      await fixture.addPostings(running, third);
      await facade.wakeFeed(running);
      const { status } = await client.workflow.getHandle(bankFeedWorkflowId(running.feedId)).describe();
      expect(status.name).toBe('RUNNING');
      expect(await fixture.bookedIds(running)).toEqual(first.map(({ id }) => id));
    });
    await withWorkflows(fitting, async () => {
      await untilBooked(running, [...first, ...second, ...third]);
      await untilState(running, 'live');
    });
    const { status, runId } = await client.workflow.getHandle(bankFeedWorkflowId(running.feedId)).describe();
    expect(status.name).toBe('RUNNING');
    const runs = [];
    for await (const run of client.workflow.list({
      query: `WorkflowId = '${bankFeedWorkflowId(running.feedId)}'`,
    })) {
      runs.push(run.runId);
    }
    expect(runs).toEqual([runId]);
  });

  it('lets a delivery run in progress finish, and applies its result afterwards', async () => {
    const sent = postingsFrom({ from: '2026-03-02T00:00:00Z', count: 3_000, prefix: 'under-way' });
    let feed: DeliveryFeed | undefined;
    await withWorkflows(fitting, async () => {
      feed = await liveFeed();
      await fixture.control('POST', '/knobs', { jobRunMs: 1_000 });
      await fixture.addPostings(feed, sent);
      await facade.wakeFeed(feed);
      await until(async () => (await fixture.bookedIds(feed!)).length >= 1_000, {
        ...soon,
        describe: 'the delivery run is under way',
      });
    });
    const running = feed!;
    await withWorkflows(careless, async () => {
      await untilBooked(running, sent);
      await until(async () => (await failedTasks(running)).length > 0, {
        ...soon,
        describe: 'the result could not be taken in',
      });
    });
    await fixture.control('POST', '/knobs', { jobRunMs: 0 });
    await withWorkflows(fitting, async () => {
      await untilState(running, 'live');
      const more = postingsFrom({ from: '2026-03-09T00:00:00Z', count: 1, prefix: 'more' });
      await fixture.addPostings(running, more);
      await facade.wakeFeed(running);
      await untilBooked(running, [...sent, ...more]);
    });
  });
});
