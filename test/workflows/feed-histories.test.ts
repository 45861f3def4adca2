import { randomUUID } from 'node:crypto';
import { ApplicationFailure, type Client } from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../src/activities/channels.js';
import type { RunDeliveryResult } from '../../src/activities/rutter/delivery/run-delivery.js';
import { failureTypes } from '../../src/domain/failures.js';
import { feedStates, type FeedState } from '../../src/domain/feed.js';
import type { Degraded } from '../../src/domain/feed-status.js';
import { bankFeedWorkflowId, taskQueues } from '../../src/domain/ids.js';
import { dayMs } from '../../src/domain/limits.js';
import * as messages from '../../src/workflows/rutter/bank-feed/messages.js';
import type { bankFeedWorkflow } from '../../src/workflows/rutter/bank-feed/workflow.js';
import { replayAndRecord } from '../support/recorded-history.js';
import { until } from '../support/until.js';
import {
  bundleWorkflows,
  createWorkflowEnvironment,
  endAtRest,
  runFakeWorkers,
  type FakeWorkers,
} from '../support/workflow-environment.js';

/*
 * A feed in the middle of each state of its life, its history continued by another worker. `npm run histories` writes
 * the histories to `test/replay/histories`, where later code must replay them. The other workflows are in
 * `recorded-histories.test.ts`.
 */

/** The results that the activities return, step by step. */
interface Step {
  state: FeedState;
  reason?: string;
  outcome?: RunDeliveryResult['outcome'];
  /** The attempt fails, and is retried. */
  fails?: boolean;
  degraded?: Degraded;
}

let env: TestWorkflowEnvironment;
let workflowBundle: WorkflowBundle;
let workers: FakeWorkers;
const lives = new Map<string, Step[]>();

beforeAll(async () => {
  [env, workflowBundle] = await Promise.all([createWorkflowEnvironment(), bundleWorkflows()]);
  const activities: Partial<Activities> = {
    rutterRunDelivery: async ({ feedId }) => answer(nextStep(feedId), await env.currentTimeMs()),
    dbApplyFeedRequest: async ({ feedId }) => {
      const { state, reason = null, degraded = null } = nextStep(feedId);
      return { state, reason, degraded };
    },
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

/** The next step of a life; its last one repeats. */
function nextStep(feedId: string): Step {
  const steps = lives.get(feedId) ?? [];
  const step = steps.length > 1 ? steps.shift() : steps[0];
  if (step === undefined) throw new Error('no such feed in this test');
  return step;
}

function answer(step: Step, nowMs: number): RunDeliveryResult {
  if (step.fails === true) throw ApplicationFailure.retryable('no answer', failureTypes.providerUnavailable);
  const outcome = step.outcome ?? 'waiting';
  return {
    outcome,
    state: step.state,
    reason: step.reason ?? null,
    customerId: 'cust-1',
    batches: 0,
    delivered: 0,
    waitMs: 60_000,
    ...(outcome === 'caught_up' ? { nextSyncAtMs: nowMs + dayMs, syncedAtMs: nowMs } : {}),
  };
}

const live: Step = { state: 'live', outcome: 'caught_up' };
const waiting: Step = { state: 'awaiting_activation' };

/** The steps that lead a feed to the state, and the request that is made before. */
const lifeTo: Record<
  FeedState | 'blocked' | 'reopened',
  { steps: Step[]; request?: 'pause' | 'close'; reopened?: boolean }
> = {
  created: { steps: [{ state: 'created' }] },
  awaiting_activation: { steps: [waiting] },
  backfilling: {
    steps: [
      waiting,
      { state: 'backfilling', outcome: 'more' },
      { state: 'backfilling', outcome: 'job_running' },
    ],
  },
  syncing: {
    steps: [
      waiting,
      { state: 'backfilling', outcome: 'lock_busy' },
      live,
      { state: 'syncing', outcome: 'job_running' },
    ],
  },
  live: { steps: [waiting, { state: 'backfilling', outcome: 'more' }, live, live] },
  paused: { steps: [live, { state: 'paused' }], request: 'pause' },
  reauth_required: { steps: [live, { state: 'reauth_required' }] },
  disconnected: { steps: [live, { state: 'disconnected' }] },
  closed: { steps: [live, { state: 'closed' }, { state: 'closed', outcome: 'closed' }], request: 'close' },
  blocked: { steps: [live, { state: 'live', reason: 'rejected_by_provider' }] },
  reopened: {
    steps: [live, { state: 'closed' }, { state: 'closed', outcome: 'closed' }, waiting, live],
    request: 'close',
    reopened: true,
  },
};

async function start(client: Client, feedId: string) {
  return await client.workflow.start<typeof bankFeedWorkflow>('bankFeedWorkflow', {
    workflowId: bankFeedWorkflowId(feedId),
    taskQueue: taskQueues.workflows,
    args: [{ feedId }],
  });
}

/** Wakes the workflow until the life's last step is reached and shown. */
async function reach(feedId: string, last: Step): Promise<void> {
  const handle = env.client.workflow.getHandle(bankFeedWorkflowId(feedId));
  await until(
    async () => {
      const shown = await handle.query(messages.feedStatus);
      if (lives.get(feedId)?.length === 1 && !shown.working && shown.state === last.state) return true;
      await handle.signal(messages.factsChanged);
      return false;
    },
    { timeoutMs: 30_000, describe: `the feed is ${last.state}` },
  );
}

describe('the history of a feed', () => {
  it.each(Object.keys(lifeTo) as (keyof typeof lifeTo)[])(
    'that is %s is continued by another worker',
    async (life) => {
      const { steps, request, reopened = false } = lifeTo[life];
      const feedId = randomUUID();
      lives.set(feedId, structuredClone(steps));
      const { client } = env;
      let handle = await start(client, feedId);
      if (request !== undefined) {
        await until(() => (lives.get(feedId) ?? []).length < steps.length, {
          timeoutMs: 30_000,
          describe: 'the first delivery run has run',
        });
        await handle.signal(request === 'close' ? messages.closeRequested : messages.pauseRequested);
      }
      if (request === 'close') await handle.result();
      if (reopened) handle = await start(client, feedId);
      if (request !== 'close' || reopened) await reach(feedId, steps.at(-1) ?? live);
      const { workflowId, firstExecutionRunId: runId } = handle;
      const name = `bank-feed-${life.replaceAll('_', '-')}`;
      await replayAndRecord({ client, workflowBundle, workflowId, runId, name });
      await endAtRest(client, workflowId);
    },
  );

  it('that is asked to try while it is degraded is continued by another worker', async () => {
    const feedId = randomUUID();
    const { client } = env;
    const reason = 'provider_unavailable';
    const degraded = { since: '2026-11-30T08:00:00.000Z', cause: 'provider_error', nextAttemptAt: null };
    lives.set(feedId, [live]);
    const handle = await start(client, feedId);
    await reach(feedId, live);
    const steps: Step[] = [{ state: 'live', fails: true }, { state: 'live', reason, degraded }, live, live];
    lives.set(feedId, [...steps]);
    await handle.signal(messages.factsChanged);
    await until(() => (lives.get(feedId) ?? []).length < steps.length, {
      timeoutMs: 30_000,
      describe: 'the first attempt has failed',
    });
    await handle.signal(messages.statusReported, { customerId: 'cust-1', state: 'live', reason, degraded });
    await handle.signal(messages.syncRequested);
    await reach(feedId, live);
    expect(await handle.query(messages.feedStatus)).toMatchObject({ state: 'live', degraded: null });
    const name = 'bank-feed-asked-while-degraded';
    await replayAndRecord({ client, workflowBundle, workflowId: handle.workflowId, name });
    await endAtRest(client, handle.workflowId);
  });

  it('that passes through every state is continued by another worker', async () => {
    const feedId = randomUUID();
    const { client } = env;
    lives.set(feedId, [{ state: 'created' }]);
    const handle = await start(client, feedId);
    const become = async (steps: readonly Step[], signal: SignalDefinition = messages.factsChanged) => {
      lives.set(feedId, [...steps]);
      await handle.signal(signal);
      await reach(feedId, steps.at(-1) ?? live);
    };
    await become([
      waiting,
      { state: 'backfilling', outcome: 'more' },
      { state: 'backfilling', outcome: 'job_running' },
    ]);
    await become([{ state: 'backfilling', outcome: 'lock_busy' }, live]);
    await become([{ state: 'syncing', outcome: 'more' }, live], messages.postingsAvailable);
    await become([{ state: 'paused' }], messages.pauseRequested);
    await become([live, live], messages.resumeRequested);
    await become([{ state: 'live', reason: 'rejected_by_provider' }]);
    await become([live, live], messages.syncRequested);
    await become([{ state: 'reauth_required' }]);
    await become([{ state: 'disconnected' }]);
    await become([live]);
    lives.set(feedId, [{ state: 'closed' }, { state: 'closed', outcome: 'closed' }]);
    await handle.signal(messages.closeRequested);
    await handle.result();
    await replayAndRecord({
      client,
      workflowBundle,
      workflowId: handle.workflowId,
      name: 'bank-feed-whole-life',
    });
  });

  it('is recorded for every state of a feed', () => {
    expect(Object.keys(lifeTo)).toEqual(expect.arrayContaining([...feedStates]));
  });
});
