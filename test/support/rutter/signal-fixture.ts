import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker, type LogEntry } from '@temporalio/worker';
import pLimit from 'p-limit';
import type { Activities } from '../../../src/activities/channels.js';
import type { RunDeliveryResult } from '../../../src/activities/rutter/delivery/run-delivery.js';
import { whileHeartbeating } from '../../../src/activities/while-heartbeating.js';
import { bankFeedWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { dayMs } from '../../../src/domain/limits.js';
import { WorkflowsUnavailable } from '../../../src/temporal/calls.js';
import { createFacade, type Facade } from '../../../src/temporal/channels.js';
import { registerSearchAttributes } from '../../../src/temporal/search-attributes.js';
import { workerOptions } from '../../../src/temporal/worker-options.js';
import { installRuntime } from '../runtime.js';
import { createTestNamespace } from '../temporal.js';
import { until } from '../until.js';
import { bundleWorkflows } from '../workflow-environment.js';

const soon = { timeoutMs: 120_000, everyMs: 50 };
const sentAtOnce = 20;
const triesMax = 20;

/** A real Temporal server with real workflows; deliveries are fakes, a posting is a number. */
export interface SignalFixture {
  readonly client: Client;
  readonly facade: Facade;
  /** What the SDK and the workflows have logged. */
  readonly lines: readonly LogEntry[];
  makeFeed(): FakeFeed;
  /** Stores each posting first and signals then, some of them twice, many at the same time. */
  storm(feed: FakeFeed, count: number): Promise<void>;
  untilDelivered(feed: FakeFeed): Promise<unknown>;
  /** The status of each run of the feed's workflow, newest first. */
  runsOf(feed: FakeFeed): Promise<string[]>;
  close(): Promise<void>;
}

/** The row of a feed, as far as its workflow sees it. */
export class FakeFeed {
  readonly feedId = randomUUID();
  postings = 0;
  delivered = 0;
  deliveryRuns = 0;
  closed = false;
  requests: string[] = [];
  /** A delivery run lasts at least until this is fulfilled. */
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
      reason: null,
      customerId: 'cust-1',
      batches: 1,
      delivered: 1,
      nextSyncAtMs: nowMs + dayMs,
      syncedAtMs: nowMs,
    };
  }
}

export async function createSignalFixture(): Promise<SignalFixture> {
  const lines: LogEntry[] = [];
  installRuntime((entry) => lines.push(entry));
  const [workflowBundle, { address, namespace }] = await Promise.all([
    bundleWorkflows(),
    createTestNamespace({ register: registerSearchAttributes }),
  ]);
  const connection = await Connection.connect({ address });
  const native = await NativeConnection.connect({ address });
  const client = new Client({ connection, namespace });
  const facade = createFacade(client);
  const feeds = new Map<string, FakeFeed>();
  const activities = fakeActivities(feeds);
  const shared = { connection: native, namespace };
  const workers = await Promise.all([
    Worker.create({ ...shared, ...workerOptions.workflows, taskQueue: taskQueues.workflows, workflowBundle }),
    Worker.create({ ...shared, taskQueue: taskQueues.deliver, activities }),
    Worker.create({ ...shared, taskQueue: taskQueues.interactive, activities }),
  ]);
  const running = workers.map((worker) => worker.run());
  return {
    client,
    facade,
    lines,
    makeFeed: () => {
      const feed = new FakeFeed();
      feeds.set(feed.feedId, feed);
      return feed;
    },
    storm: (feed, count) => storm(facade, feed, count),
    untilDelivered: (feed) =>
      until(() => feed.delivered === feed.postings, {
        ...soon,
        describe: 'a delivery run has seen every posting',
      }),
    runsOf: (feed) => runsOf(client, feed),
    close: async () => {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      await Promise.allSettled([connection.close(), native.close()]);
    },
  };
}

function fakeActivities(feeds: ReadonlyMap<string, FakeFeed>): Partial<Activities> {
  const feedOf = (feedId: string): FakeFeed => {
    const feed = feeds.get(feedId);
    if (feed === undefined) throw new Error('no such feed in this test');
    return feed;
  };
  return {
    rutterRunDelivery: ({ feedId }) => whileHeartbeating(() => feedOf(feedId).deliveryRun()),
    dbApplyFeedRequest: ({ feedId, action }) => {
      const feed = feedOf(feedId);
      feed.requests.push(action);
      feed.closed = action === 'close';
      return Promise.resolve({ state: feed.closed ? 'closed' : 'live', reason: null });
    },
  };
}

async function storm(facade: Facade, feed: FakeFeed, count: number): Promise<void> {
  await pLimit(sentAtOnce).map(Array.from({ length: count }), async (_, index) => {
    feed.postings += 1;
    await signal(facade, feed);
    if (index % 10 === 0) await signal(facade, feed);
  });
}

/** The server delays many callers of one workflow, and the facade waits five seconds; then a caller tries again. */
async function signal(facade: Facade, feed: FakeFeed): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await facade.wakeFeed(feed);
      return;
    } catch (error) {
      if (!(error instanceof WorkflowsUnavailable) || tries === triesMax) throw error;
    }
  }
}

async function runsOf(client: Client, feed: FakeFeed): Promise<string[]> {
  const query = `WorkflowId = '${bankFeedWorkflowId(feed.feedId)}'`;
  const statuses = [];
  for await (const run of client.workflow.list({ query })) statuses.push(run.status.name);
  return statuses;
}
