import { randomUUID } from 'node:crypto';
import {
  ApplicationFailure,
  type Client,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../../src/activities/channels.js';
import type {
  RunDeliveryInput,
  RunDeliveryResult,
} from '../../../src/activities/rutter/delivery/run-delivery.js';
import type { FeedState, OperatorAction } from '../../../src/domain/feed.js';
import { bankFeedWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { dayMs } from '../../../src/domain/limits.js';
import * as messages from '../../../src/workflows/rutter/bank-feed/messages.js';
import type { bankFeedWorkflow } from '../../../src/workflows/rutter/bank-feed/workflow.js';
import { searchAttributes } from '../../../src/workflows/search-attributes.js';
import { replayAndRecord } from '../../support/recorded-history.js';
import { until } from '../../support/until.js';
import {
  bundleWorkflows,
  createWorkflowEnvironment,
  endAtRest,
  runFakeWorkers,
  type FakeWorkers,
  untilTaken,
} from '../../support/workflow-environment.js';

let env: TestWorkflowEnvironment;
let workflowBundle: WorkflowBundle;
let workers: FakeWorkers;
const feeds = new Map<string, FakeFeed>();

beforeAll(async () => {
  const [started, bundle] = await Promise.all([createWorkflowEnvironment(), bundleWorkflows()]);
  workflowBundle = bundle;
  env = started;
  const activities: Partial<Activities> = {
    rutterRunDelivery: (input) => feedOf(input).deliveryRun(input),
    dbApplyFeedRequest: (input) => Promise.resolve(feedOf(input).request(input.action)),
  };
  workers = await runFakeWorkers({
    env,
    workflowBundle,
    activities,
    queues: [taskQueues.deliver, taskQueues.interactive],
  });
});
afterAll(async () => {
  await workers.stop();
  await env.teardown();
});

function feedOf(input: { feedId: string }): FakeFeed {
  const feed = feeds.get(input.feedId);
  if (feed === undefined) throw new Error('no such feed in this test');
  return feed;
}

/** A fake of the activities of one feed, with the state of its row. */
class FakeFeed {
  readonly feedId = randomUUID();
  readonly deliveryRuns: RunDeliveryInput[] = [];
  readonly requests: string[] = [];
  state: FeedState = 'live';
  reason: string | null = null;
  /** Results of the next delivery runs; when empty: caught up, or waiting in a state that does not send. */
  readonly script: (() => Promise<Partial<RunDeliveryResult>> | Partial<RunDeliveryResult>)[] = [];

  deliveryRunsUnderWay = 0;
  readonly workflowId = bankFeedWorkflowId(this.feedId);

  request(action: OperatorAction): { state: FeedState; reason: string | null } {
    this.requests.push(action);
    if (action === 'pause') this.state = 'paused';
    if (action === 'resume') this.state = 'live';
    if (action === 'close') this.state = 'closed';
    return { state: this.state, reason: this.reason };
  }

  async deliveryRun(input: RunDeliveryInput): Promise<RunDeliveryResult> {
    this.deliveryRuns.push(input);
    this.deliveryRunsUnderWay += 1;
    try {
      return await this.answer();
    } finally {
      this.deliveryRunsUnderWay -= 1;
    }
  }

  private async answer(): Promise<RunDeliveryResult> {
    const scripted = await this.script.shift()?.();
    const sends = ['live', 'backfilling', 'syncing'].includes(this.state);
    const outcome = this.state === 'closed' ? 'closed' : sends ? 'caught_up' : 'waiting';
    const nowMs = await env.currentTimeMs();
    return {
      outcome,
      state: this.state,
      reason: this.reason,
      customerId: 'cust-1',
      batches: 0,
      delivered: 0,
      ...(outcome === 'caught_up' ? { nextSyncAtMs: nowMs + dayMs, syncedAtMs: nowMs } : {}),
      ...scripted,
    };
  }
}

type FeedHandle = WorkflowHandleWithFirstExecutionRunId<typeof bankFeedWorkflow>;

async function withFeed(
  work: (feed: FakeFeed, handle: FeedHandle, client: Client) => Promise<void>,
  input: { passesMax?: number; feed?: FakeFeed; carried?: messages.BankFeedCarried } = {},
): Promise<void> {
  const { feed = new FakeFeed(), ...begun } = input;
  feeds.set(feed.feedId, feed);
  const handle = await env.client.workflow.start<typeof bankFeedWorkflow>('bankFeedWorkflow', {
    workflowId: feed.workflowId,
    taskQueue: taskQueues.workflows,
    args: [{ feedId: feed.feedId, ...begun }],
  });
  try {
    await work(feed, handle, env.client);
  } finally {
    await endAtRest(env.client, feed.workflowId);
  }
}

const soon = { timeoutMs: 20_000 };
const deliveryRunsReach = (feed: FakeFeed, count: number) =>
  until(() => feed.deliveryRuns.length >= count, {
    ...soon,
    describe: `${String(count)} delivery runs have run`,
  });

describe('bankFeedWorkflow', () => {
  it('checks once when it starts and then waits until the time that the delivery run set', async () => {
    await withFeed(async (feed) => {
      await deliveryRunsReach(feed, 1);
      await env.sleep(dayMs - 3_600_000);
      expect(feed.deliveryRuns).toHaveLength(1);
      await env.sleep(2 * 3_600_000);
      await deliveryRunsReach(feed, 2);
    });
  });

  it('reads the account at Rutter with the daily sync, not with every posting', async () => {
    await withFeed(async (feed, handle) => {
      await deliveryRunsReach(feed, 1);
      await handle.signal(messages.postingsAvailable);
      await deliveryRunsReach(feed, 2);
      await env.sleep(dayMs + 60_000);
      await deliveryRunsReach(feed, 3);
      expect(feed.deliveryRuns.map((deliveryRun) => deliveryRun.readAccount)).toEqual([false, false, true]);
    });
  });

  it('makes one sync of a burst of a thousand signals', async () => {
    await withFeed(async (feed, handle) => {
      await deliveryRunsReach(feed, 1);
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      feed.script.push(async () => {
        await held;
        return {};
      });
      await handle.signal(messages.postingsAvailable);
      await deliveryRunsReach(feed, 2);
      await Promise.all(Array.from({ length: 1_000 }, () => handle.signal(messages.postingsAvailable)));
      release();
      await deliveryRunsReach(feed, 3);
      await env.sleep(60_000);
      expect(feed.deliveryRuns).toHaveLength(3);
    });
  });

  it('starts the next delivery run at once when one ended only because its minute was over', async () => {
    const feed = new FakeFeed();
    feed.script.push(
      () => ({ outcome: 'more' }),
      () => ({ outcome: 'more' }),
    );
    await withFeed(async () => deliveryRunsReach(feed, 3).then(() => undefined), { feed });
  });

  it('waits one second, growing to fifteen, for a busy delivery lock, also after a signal', async () => {
    const feed = new FakeFeed();
    for (let tries = 0; tries < 6; tries += 1) feed.script.push(() => ({ outcome: 'lock_busy' }));
    const startedAtMs = await env.currentTimeMs();
    await withFeed(
      async (_, handle) => {
        await deliveryRunsReach(feed, 1);
        await handle.signal(messages.postingsAvailable);
        await env.sleep(60_000);
        await deliveryRunsReach(feed, 7);
        expect((await env.currentTimeMs()) - startedAtMs).toBeGreaterThanOrEqual(45_000);
      },
      { feed },
    );
  });

  it('polls a slow job when the delivery run said, not before', async () => {
    const feed = new FakeFeed();
    feed.script.push(() => ({ outcome: 'job_running', waitMs: 40_000 }));
    await withFeed(
      async () => {
        await deliveryRunsReach(feed, 1);
        await env.sleep(30_000);
        expect(feed.deliveryRuns).toHaveLength(1);
        await env.sleep(20_000);
        await deliveryRunsReach(feed, 2);
      },
      { feed },
    );
  });

  it('does not start a blocked feed when postings arrive, but when its facts change', async () => {
    const feed = new FakeFeed();
    feed.state = 'reauth_required';
    await withFeed(
      async (_, handle) => {
        await deliveryRunsReach(feed, 1);
        await handle.signal(messages.postingsAvailable);
        await env.sleep(3_600_000);
        expect(feed.deliveryRuns).toHaveLength(1);
        feed.state = 'live';
        await handle.signal(messages.factsChanged);
        await deliveryRunsReach(feed, 2);
      },
      { feed },
    );
  });

  it("applies an operator's request while a delivery run is in progress", async () => {
    const feed = new FakeFeed();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    feed.script.push(async () => {
      await held;
      return { outcome: 'waiting' };
    });
    await withFeed(
      async (_, handle) => {
        await deliveryRunsReach(feed, 1);
        await handle.signal(messages.pauseRequested);
        await until(() => feed.requests.includes('pause'), { ...soon, describe: 'the pause is in the row' });
        expect(await handle.query(messages.feedStatus)).toMatchObject({ state: 'paused', working: true });
        release();
      },
      { feed },
    );
  });

  it('sends the postings received during a pause as soon as it is resumed', async () => {
    await withFeed(async (feed, handle) => {
      await deliveryRunsReach(feed, 1);
      await handle.signal(messages.pauseRequested);
      await until(() => feed.state === 'paused', { ...soon, describe: 'the feed is paused' });
      await handle.signal(messages.resumeRequested);
      await until(() => feed.requests.length === 2, { ...soon, describe: 'the feed is resumed' });
      await deliveryRunsReach(feed, 2);
      expect(feed.deliveryRuns.at(-1)?.readAccount).toBe(true);
    });
  });

  it('checks once more when the account is shared again while the closing delivery run is in progress', async () => {
    await withFeed(async (feed, handle) => {
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      feed.script.push(async () => {
        await held;
        return { outcome: 'closed', state: 'closed' };
      });
      await until(() => feed.deliveryRunsUnderWay === 1, {
        ...soon,
        describe: 'the closing delivery run is under way',
      });
      await handle.signal(messages.factsChanged);
      release();
      await deliveryRunsReach(feed, 2);
    });
  });

  it('ends its run, and only then, when the feed is closed', async () => {
    await withFeed(async (feed, handle) => {
      await deliveryRunsReach(feed, 1);
      await handle.signal(messages.closeRequested);
      await handle.result();
      expect(feed.requests).toEqual(['close']);
    });
  });

  it('ends as cancelled when its run is cancelled, so that the repair job can start another', async () => {
    await withFeed(async (feed, handle) => {
      await deliveryRunsReach(feed, 1);
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow();
      expect((await handle.describe()).status.name).toBe('CANCELLED');
    });
  });

  it('never fails: after a delivery run with a final failure the feed waits and retries', async () => {
    const feed = new FakeFeed();
    feed.script.push(() => {
      throw ApplicationFailure.nonRetryable('gone', 'Obsolete');
    });
    await withFeed(
      async (_, handle) => {
        await deliveryRunsReach(feed, 1);
        await env.sleep(11 * 60_000);
        await deliveryRunsReach(feed, 2);
        expect((await handle.describe()).status.name).toBe('RUNNING');
      },
      { feed },
    );
  });

  it('loses no signal, request or due check at a renewal', async () => {
    await withFeed(
      async (feed, handle, client) => {
        await deliveryRunsReach(feed, 1);
        for (let round = 0; round < 5; round += 1) {
          await untilTaken(() =>
            client.workflow.getHandle(handle.workflowId).signal(messages.postingsAvailable),
          );
          await deliveryRunsReach(feed, 2 + round);
        }
        await untilTaken(() => client.workflow.getHandle(handle.workflowId).signal(messages.pauseRequested));
        await until(() => feed.requests.includes('pause'), { ...soon, describe: 'the pause is in the row' });
        const described = await client.workflow.getHandle(handle.workflowId).describe();
        expect(described.runId).not.toBe(handle.firstExecutionRunId);
        expect(described.status.name).toBe('RUNNING');
        const { workflowId, firstExecutionRunId } = handle;
        const run = { client, workflowBundle, workflowId };
        await replayAndRecord({ ...run, runId: firstExecutionRunId, name: 'bank-feed-renewed' });
        await replayAndRecord({ ...run, runId: described.runId, name: 'bank-feed-after-renewal' });
      },
      { passesMax: 3 },
    );
  });

  it('applies in the new run a request that arrived during the renewal', async () => {
    const carried: messages.BankFeedCarried = {
      feedState: 'live',
      reason: null,
      postingsWaiting: false,
      readAccount: false,
      requests: ['pause'],
      waitingFor: 'postings',
      syncsDone: 3,
      lastSyncedAtMs: null,
      dueAtMs: (await env.currentTimeMs()) + dayMs,
    };
    await withFeed(
      async (feed) => {
        await until(() => feed.requests.includes('pause'), { ...soon, describe: 'the pause is in the row' });
      },
      { carried },
    );
  });

  it('renews after 30 days even without any signal', async () => {
    const feed = new FakeFeed();
    feed.state = 'paused';
    await withFeed(
      async (_, handle, client) => {
        await deliveryRunsReach(feed, 1);
        await env.sleep(31 * dayMs);
        const described = await client.workflow.getHandle(handle.workflowId).describe();
        expect(described.runId).not.toBe(handle.firstExecutionRunId);
      },
      { feed },
    );
  });

  it('shows operators state, channel, customer and reason in search attributes', async () => {
    const feed = new FakeFeed();
    feed.state = 'awaiting_activation';
    await withFeed(
      async (_, handle) => {
        await deliveryRunsReach(feed, 1);
        const shown = await until(
          async () => {
            const { typedSearchAttributes } = await handle.describe();
            const set = typedSearchAttributes.get(searchAttributes.feedState) !== undefined;
            return set ? typedSearchAttributes : undefined;
          },
          { ...soon, describe: 'the attributes are set' },
        );
        expect(shown.get(searchAttributes.feedState)).toBe('awaiting_activation');
        expect(shown.get(searchAttributes.feedChannel)).toBe('rutter');
        expect(shown.get(searchAttributes.customerId)).toBe('cust-1');
      },
      { feed },
    );
  });
});
