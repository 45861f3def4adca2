import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../../src/activities/channels.js';
import type { ReadSageAccountResult } from '../../../src/activities/sage-banking/account/read-account.js';
import { failureTypes } from '../../../src/domain/failures.js';
import { sageBankAccountWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { dayMs } from '../../../src/domain/limits.js';
import { sageCheckDelayMs } from '../../../src/domain/sage-banking/account-limits.js';
import type { sageBankAccountWorkflow } from '../../../src/workflows/sage-banking/bank-account/workflow.js';
import {
  bundleWorkflows,
  createWorkflowEnvironment,
  runFakeWorkers,
  type FakeWorkers,
} from '../../support/workflow-environment.js';

/* The poll intervals and the renewal of an account's workflow, in skipped time; its activities are fakes. */

const pace = { minMs: 5_000, maxMs: 3_600_000 };
/** For a month of checks: one an hour would be 768 of them. */
const slowPace = { minMs: 5_000, maxMs: 12 * 3_600_000 };
type Check = () => Partial<ReadSageAccountResult>;

let env: TestWorkflowEnvironment;
let workers: FakeWorkers;
interface Life {
  readonly check: (count: number) => Partial<ReadSageAccountResult>;
  readonly pace: typeof pace;
  readonly checksAtMs: number[];
  /** The delays that the checks chose. */
  readonly chosen: number[];
}
const lives = new Map<string, Life>();

beforeAll(async () => {
  const [made, workflowBundle] = await Promise.all([createWorkflowEnvironment(), bundleWorkflows()]);
  env = made;
  const activities: Partial<Activities> = {
    sageReadAccount: async ({ sageAccountId, waitedMs }) => {
      const life = lives.get(sageAccountId);
      if (life === undefined) throw new Error('no such account in this test');
      life.checksAtMs.push(await env.currentTimeMs());
      const result = life.check(life.checksAtMs.length);
      const status = result.status ?? 'active';
      const isWaiting = status === 'pending' || status === 'authRequired';
      const nextCheckMs = sageCheckDelayMs({ isWaiting, waitedMs, ...life.pace });
      life.chosen.push(nextCheckMs);
      return {
        customerId: 'cust-1',
        status,
        reason: null,
        storedCount: 0,
        hasMore: false,
        mustCancel: false,
        readAtMs: life.checksAtMs.at(-1) ?? null,
        nextCheckMs,
        ...result,
      };
    },
    sageCancelAccount: () => Promise.resolve({ cancelled: true, nextCheckMs: pace.maxMs }),
  };
  workers = await runFakeWorkers({ env, workflowBundle, activities, queues: [taskQueues.deliver] });
});
afterAll(async () => {
  await workers.stop();
  await env.teardown();
});

/** Runs an account's workflow to its end; returns the waits between its checks. */
async function live(check: (count: number) => Partial<ReadSageAccountResult>): Promise<number[]> {
  return (await liveWithRenewals(check)).waits;
}

/** The same, with the waits that the checks chose and whether the run was renewed. */
async function liveWithRenewals(
  check: (count: number) => Partial<ReadSageAccountResult>,
  lifePace = pace,
): Promise<{ waits: number[]; chosen: number[]; renewed: boolean }> {
  const sageAccountId = randomUUID();
  const life: Life = { check, pace: lifePace, checksAtMs: [], chosen: [] };
  lives.set(sageAccountId, life);
  const handle = await env.client.workflow.start<typeof sageBankAccountWorkflow>('sageBankAccountWorkflow', {
    workflowId: sageBankAccountWorkflowId(sageAccountId),
    taskQueue: taskQueues.workflows,
    args: [{ sageAccountId }],
  });
  await handle.result();
  const { runId } = await env.client.workflow.getHandle(handle.workflowId).describe();
  return {
    waits: life.checksAtMs.slice(1).map((atMs, index) => atMs - (life.checksAtMs[index] ?? 0)),
    // The last check ends it.
    chosen: life.chosen.slice(0, -1),
    renewed: runId !== handle.firstExecutionRunId,
  };
}

const cancelled: Check = () => ({ status: 'cancelled' });

describe('the workflow of an account at Sage', () => {
  it('checks at growing intervals while it is pending, and once an hour when it is active', async () => {
    const { waits, chosen } = await liveWithRenewals((count) => {
      if (count <= 60) return { status: 'pending' };
      return count <= 63 ? { status: 'active' } : cancelled();
    });
    // At least what was chosen, and not much more: time is skipped, but the steps between take some of it.
    const tooLate = waits.filter(
      (ms, index) => ms < (chosen[index] ?? 0) || ms > (chosen[index] ?? 0) + 10_000,
    );
    expect(tooLate).toEqual([]);
    const pending = chosen.slice(0, 60);
    expect(pending.slice(0, 5)).toEqual([5_000, 5_000, 5_000, 5_000, 5_000]);
    expect([...pending].sort((one, other) => one - other)).toEqual(pending);
    expect(pending.at(-1)).toBeGreaterThan(60_000);
    expect(chosen.slice(-3)).toEqual([3_600_000, 3_600_000, 3_600_000]);
  });

  it('checks again at once while there is more to read', async () => {
    const waits = await live((count) => (count <= 5 ? { hasMore: true } : cancelled()));
    expect(waits).toHaveLength(5);
    expect(Math.max(...waits)).toBeLessThan(5_000);
  });

  it('is renewed within 30 days without a missing or an additional check', async () => {
    const startedAtMs = await env.currentTimeMs();
    const { waits, renewed } = await liveWithRenewals(
      (count) => (count <= 2 * 32 ? {} : cancelled()),
      slowPace,
    );
    expect(renewed).toBe(true);
    expect((await env.currentTimeMs()) - startedAtMs).toBeGreaterThan(31 * dayMs);
    // Through its renewal, too, it checks twice a day: not three times, and not later.
    expect(new Set(waits.map((ms) => Math.round(ms / 60_000)))).toEqual(new Set([12 * 60]));
  });

  it('survives a check that fails with a final failure, and then carries out the requested cancellation', async () => {
    const waits = await live((count) => {
      if (count === 1) {
        throw ApplicationFailure.create({ type: failureTypes.refused, nonRetryable: true, message: 'odd' });
      }
      return { mustCancel: true };
    });
    expect(waits.map((ms) => Math.round(ms / 1_000))).toEqual([60]);
  });

  it('ends when its row does not exist', async () => {
    const waits = await live(() => {
      throw ApplicationFailure.create({ type: failureTypes.obsolete, nonRetryable: true, message: 'gone' });
    });
    expect(waits).toEqual([]);
  });
});
