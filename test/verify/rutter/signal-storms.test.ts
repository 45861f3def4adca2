import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker, type LogEntry } from '@temporalio/worker';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../../src/activities/channels.js';
import type { RunDeliveryResult } from '../../../src/activities/rutter/delivery/run-delivery.js';
import { whileHeartbeating } from '../../../src/activities/while-heartbeating.js';
import { bankFeedWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { dayMs } from '../../../src/domain/limits.js';
import { createFacade, type Facade } from '../../../src/temporal/channels.js';
import { WorkflowsUnavailable } from '../../../src/temporal/calls.js';
import { registerSearchAttributes } from '../../../src/temporal/search-attributes.js';
import { workerOptions } from '../../../src/temporal/worker-options.js';
import * as messages from '../../../src/workflows/rutter/bank-feed/messages.js';
import type { bankFeedWorkflow } from '../../../src/workflows/rutter/bank-feed/workflow.js';
import { createTestNamespace } from '../../support/temporal.js';
import { until } from '../../support/until.js';
import { bundleWorkflows } from '../../support/workflow-environment.js';

/*
 * Signals by the thousand on a real server. What counts is their effect: after the last one there is a delivery run that began
 * later, and few delivery runs altogether. A number that a delivery run reads stands for the postings of the feed.
 */

const soon = { timeoutMs: 60_000, everyMs: 50 };
const sentAtOnce = 20;
let client: Client;
let facade: Facade;
let workers: Worker[];
let running: Promise<void>[];
let close: () => Promise<unknown>;
const lines: LogEntry[] = [];
const feeds = new Map<string, FakeFeed>();

/** Its row, as far as the workflow can tell. */
class FakeFeed {
  readonly feedId = randomUUID();
  postings = 0;
  delivered = 0;
  deliveryRuns = 0;
  closed = false;
  requests: string[] = [];
  hold: Promise<void> = Promise.resolve();

  async deliveryRun(): Promise<RunDeliveryResult> {
    this.deliveryRuns += 1;
    const seen = this.postings;
    await this.hold;
    this.delivered = seen;
    const nowMs = Date.now();
    return {
      outcome: this.closed ? 'closed' : 'caught_up',
      state: this.closed ? 'closed' : 'live',
      ...{ reason: null, customerId: 'cust-1', batches: 1, delivered: 1 },
      ...{ nextSyncAtMs: nowMs + dayMs, syncedAtMs: nowMs },
    };
  }
}

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR', (entry) => lines.push(entry)) });
  const [workflowBundle, { address, namespace }] = await Promise.all([
    bundleWorkflows(),
    createTestNamespace({ register: registerSearchAttributes }),
  ]);
  const connection = await Connection.connect({ address });
  const native = await NativeConnection.connect({ address });
  client = new Client({ connection, namespace });
  facade = createFacade(client);
  const activities: Partial<Activities> = {
    rutterRunDelivery: ({ feedId }) => whileHeartbeating(() => feedOf(feedId).deliveryRun()),
    dbApplyFeedRequest: ({ feedId, action }) => {
      const feed = feedOf(feedId);
      feed.requests.push(action);
      feed.closed = action === 'close';
      return Promise.resolve({ state: feed.closed ? 'closed' : 'live', reason: null });
    },
  };
  const shared = { connection: native, namespace };
  workers = await Promise.all([
    Worker.create({ ...shared, ...workerOptions.workflows, taskQueue: taskQueues.workflows, workflowBundle }),
    Worker.create({ ...shared, taskQueue: taskQueues.deliver, activities }),
    Worker.create({ ...shared, taskQueue: taskQueues.interactive, activities }),
  ]);
  running = workers.map((worker) => worker.run());
  close = () => Promise.allSettled([connection.close(), native.close()]);
});
afterAll(async () => {
  for (const worker of workers) worker.shutdown();
  await Promise.all(running);
  await close();
});

function feedOf(feedId: string): FakeFeed {
  const feed = feeds.get(feedId);
  if (feed === undefined) throw new Error('no such feed in this test');
  return feed;
}

function makeFeed(): FakeFeed {
  const feed = new FakeFeed();
  feeds.set(feed.feedId, feed);
  return feed;
}

/** Each posting is stored first and signalled then, some of them twice, many at the same time. */
async function storm(feed: FakeFeed, count: number): Promise<void> {
  await pLimit(sentAtOnce).map(Array.from({ length: count }), async (_, index) => {
    feed.postings += 1;
    await signal(feed);
    if (index % 10 === 0) await signal(feed);
  });
}

const triesMax = 20;

/** The server makes a crowd at one workflow wait, and the facade waits five seconds; then a caller tries again. */
async function signal(feed: FakeFeed): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await facade.wakeFeed(feed);
      return;
    } catch (error) {
      if (!(error instanceof WorkflowsUnavailable) || tries === triesMax) throw error;
    }
  }
}

const untilDelivered = (feed: FakeFeed) =>
  until(() => feed.delivered === feed.postings, {
    ...soon,
    describe: 'a delivery run has seen every posting',
  });

async function runsOf(feed: FakeFeed): Promise<string[]> {
  const query = `WorkflowId = '${bankFeedWorkflowId(feed.feedId)}'`;
  const statuses = [];
  for await (const run of client.workflow.list({ query })) statuses.push(run.status.name);
  return statuses;
}

describe('a storm of signals', () => {
  it('starts a feed that has no workflow once, and leaves no posting behind', async () => {
    const feed = makeFeed();
    await storm(feed, 300);
    await untilDelivered(feed);
    await until(async () => (await runsOf(feed)).length === 1, { ...soon, describe: 'one run is listed' });
  });

  it('of eight thousand during one delivery run cause one more delivery run, and the long history is reported', async () => {
    const feed = makeFeed();
    let release = (): void => undefined;
    feed.hold = new Promise((resolve) => (release = resolve));
    await facade.wakeFeed(feed);
    await until(() => feed.deliveryRuns === 1, { ...soon, describe: 'the delivery run has begun' });
    await storm(feed, 7_500);
    await until(
      () =>
        lines.some((entry) => entry.message === 'history is long' && entry.meta?.['feedId'] === feed.feedId),
      { ...soon, describe: 'the long history is reported' },
    );
    release();
    await untilDelivered(feed);
    expect(feed.deliveryRuns).toBeLessThanOrEqual(3);
    // It is renewed as soon as the delivery run has ended: nothing pins its history any more.
    await until(
      async () => {
        const { historyLength } = await client.workflow.getHandle(bankFeedWorkflowId(feed.feedId)).describe();
        return historyLength < 100;
      },
      { ...soon, describe: 'the history is short again' },
    );
  });

  it('leaves no posting and no request behind while the workflow renews itself again and again', async () => {
    const feed = makeFeed();
    const handle = await client.workflow.start<typeof bankFeedWorkflow>('bankFeedWorkflow', {
      workflowId: bankFeedWorkflowId(feed.feedId),
      taskQueue: taskQueues.workflows,
      args: [{ feedId: feed.feedId, passesMax: 3 }],
    });
    for (let round = 0; round < 5; round += 1) {
      await Promise.all([
        storm(feed, 100),
        facade.requestOfFeed({ feedId: feed.feedId, action: 'sync' }),
        facade.feedFactsChanged(feed),
      ]);
      await untilDelivered(feed);
    }
    await until(() => feed.requests.length === 5, { ...soon, describe: 'every request was done' });
    expect(feed.requests).toEqual(['sync', 'sync', 'sync', 'sync', 'sync']);
    await until(async () => (await runsOf(feed)).length > 3, { ...soon, describe: 'it was renewed' });
    expect(new Set((await runsOf(feed)).slice(1))).toEqual(new Set(['CONTINUED_AS_NEW']));
    const current = await client.workflow.getHandle(handle.workflowId).query(messages.feedStatus);
    expect(current.state).toBe('live');
  });

  it('to a feed that was closed ends where it began: each run checks, and ends', async () => {
    const feed = makeFeed();
    await facade.wakeFeed(feed);
    await untilDelivered(feed);
    await facade.requestOfFeed({ feedId: feed.feedId, action: 'close' });
    const ended = async () => (await runsOf(feed)).every((status) => status === 'COMPLETED');
    await until(ended, { ...soon, describe: 'the run has ended' });
    await Promise.all(Array.from({ length: 50 }, () => facade.wakeFeed(feed)));
    await until(ended, { ...soon, describe: 'no run is left' });
    expect(new Set(await runsOf(feed))).toEqual(new Set(['COMPLETED']));
  });
});
