import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../../src/activities/channels.js';
import type { FailReprocessInput } from '../../../src/activities/sage-banking/reprocess/fail-reprocess.js';
import { failureTypes } from '../../../src/domain/failures.js';
import { sageReprocessWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import type { sageReprocessWorkflow } from '../../../src/workflows/sage-banking/reprocess/workflow.js';
import {
  bundleWorkflows,
  createWorkflowEnvironment,
  runFakeWorkers,
  type FakeWorkers,
} from '../../support/workflow-environment.js';

let env: TestWorkflowEnvironment;
let workers: FakeWorkers;
const runs = new Map<string, FakeRun>();

type Started = Awaited<ReturnType<Activities['sageStartReprocessChunk']>>;
type Polled = Awaited<ReturnType<Activities['sagePollReprocessChunk']>>;

class FakeRun {
  readonly reprocessId = randomUUID();
  startsAtMs: number[] = [];
  pollsAtMs: number[] = [];
  failed: FailReprocessInput[] = [];
  constructor(
    readonly start: (starts: number) => Started,
    readonly poll: (polls: number) => Polled = () => ({ outcome: 'next', startAfterMs: 0 }),
  ) {}
}

beforeAll(async () => {
  const [started, workflowBundle] = await Promise.all([createWorkflowEnvironment(), bundleWorkflows()]);
  env = started;
  const fakeOf = (input: { reprocessId: string }) => {
    const fake = runs.get(input.reprocessId);
    if (fake === undefined) throw new Error('no such run in this test');
    return fake;
  };
  const activities: Partial<Activities> = {
    sageStartReprocessChunk: async (input) => {
      const fake = fakeOf(input);
      fake.startsAtMs.push(await env.currentTimeMs());
      return fake.start(fake.startsAtMs.length);
    },
    sagePollReprocessChunk: async (input) => {
      const fake = fakeOf(input);
      fake.pollsAtMs.push(await env.currentTimeMs());
      return fake.poll(fake.pollsAtMs.length);
    },
    dbFailReprocess: (input) => {
      const fake = fakeOf(input);
      fake.failed.push(input);
      if (fake.failed.length === 1) throw new Error('the database is unavailable');
      return Promise.resolve();
    },
  };
  workers = await runFakeWorkers({ env, workflowBundle, activities, queues: [taskQueues.interactive] });
});
afterAll(async () => {
  await workers.stop();
  await env.teardown();
});

async function run(fake: FakeRun): Promise<void> {
  runs.set(fake.reprocessId, fake);
  const { reprocessId } = fake;
  await env.client.workflow.execute<typeof sageReprocessWorkflow>('sageReprocessWorkflow', {
    workflowId: sageReprocessWorkflowId(reprocessId),
    taskQueue: taskQueues.workflows,
    args: [{ reprocessId }],
  });
}

const hourMs = 60 * 60_000;
const away = () => ApplicationFailure.create({ message: 'away', type: failureTypes.providerUnavailable });
const over: Started = { outcome: 'over', state: 'done' };

describe('sageReprocessWorkflow', () => {
  it('polls no sooner than the answer allows, and continues until the row shows the end', async () => {
    const fake = new FakeRun(
      (starts) => (starts > 2 ? over : { outcome: 'started', pollAfterMs: 1_000 }),
      (polls) =>
        polls % 2 === 1
          ? { outcome: 'waiting', pollAfterMs: 30_000 }
          : { outcome: 'next', startAfterMs: 4_000 },
    );
    await run(fake);
    expect(fake.startsAtMs).toHaveLength(3);
    expect(fake.pollsAtMs).toHaveLength(4);
    const [first = 0, second = 0] = fake.pollsAtMs;
    expect(first - fake.startsAtMs[0]!).toBeGreaterThanOrEqual(1_000);
    expect(second - first).toBeGreaterThanOrEqual(30_000);
    expect(fake.startsAtMs[1]! - second).toBeGreaterThanOrEqual(4_000);
    expect(fake.failed).toEqual([]);
  });

  it('fails after six hours without an answer, with growing waits, and records that however many attempts it takes', async () => {
    const fake = new FakeRun(() => {
      throw away();
    });
    await run(fake);
    const { reprocessId, startsAtMs } = fake;
    const tookMs = startsAtMs.at(-1)! - startsAtMs[0]!;
    expect(tookMs).toBeGreaterThan(5.9 * hourMs);
    expect(tookMs).toBeLessThanOrEqual(6 * hourMs + 1_000);
    expect(startsAtMs.length).toBeLessThan(400);
    expect(fake.failed).toEqual(Array(2).fill({ reprocessId, reason: 'reprocess_no_answer' }));
  });

  it('completes, and records nothing, when the run does not exist', async () => {
    const fake = new FakeRun(() => {
      throw ApplicationFailure.nonRetryable('gone', failureTypes.obsolete);
    });
    await run(fake);
    expect(fake.startsAtMs).toHaveLength(1);
    expect(fake.failed).toEqual([]);
  });
});
