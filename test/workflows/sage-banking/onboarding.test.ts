import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../../src/activities/channels.js';
import type { AdvanceOnboardingResult } from '../../../src/activities/sage-banking/onboarding/advance-onboarding.js';
import { failureTypes } from '../../../src/domain/failures.js';
import { sageOnboardingWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { dayMs } from '../../../src/domain/limits.js';
import { sageOnboardingChanged } from '../../../src/workflows/sage-banking/onboarding/messages.js';
import type { sageOnboardingWorkflow } from '../../../src/workflows/sage-banking/onboarding/workflow.js';
import { until } from '../../support/until.js';
import {
  bundleWorkflows,
  createWorkflowEnvironment,
  runFakeWorkers,
  type FakeWorkers,
} from '../../support/workflow-environment.js';

let env: TestWorkflowEnvironment;
let workers: FakeWorkers;
const onboardings = new Map<string, FakeOnboarding>();

type Step = Partial<AdvanceOnboardingResult>;

/** A fake of the activities of one onboarding: the result of each step. The last one repeats. */
class FakeOnboarding {
  readonly onboardingId = randomUUID();
  readonly workflowId = sageOnboardingWorkflowId(this.onboardingId);
  readonly checksAtMs: number[] = [];
  failuresRecorded = 0;
  recordFailure = (): void => {
    this.failuresRecorded += 1;
  };
  constructor(readonly script: (Step | (() => Promise<Step> | never))[]) {
    onboardings.set(this.onboardingId, this);
  }

  async advance(): Promise<AdvanceOnboardingResult> {
    this.checksAtMs.push(await env.currentTimeMs());
    const step = this.script.length > 1 ? this.script.shift() : this.script[0];
    const answer = typeof step === 'function' ? await step() : step;
    const base = { customerId: 'cust-1', state: 'creating', reason: null } as const;
    return { ...base, next: 'again', slowly: false, waitMs: null, ...answer };
  }

  /** The waits between the checks so far, in whole seconds. */
  waitsSeconds(): number[] {
    return this.checksAtMs
      .slice(1)
      .map((atMs, index) => Math.round((atMs - (this.checksAtMs[index] ?? 0)) / 1_000));
  }
}

beforeAll(async () => {
  const [started, workflowBundle] = await Promise.all([createWorkflowEnvironment(), bundleWorkflows()]);
  env = started;
  const activities: Partial<Activities> = {
    sageAdvanceOnboarding: ({ onboardingId }) => {
      const onboarding = onboardings.get(onboardingId);
      if (onboarding === undefined) throw new Error('no such onboarding in this test');
      return onboarding.advance();
    },
    dbRecordOnboardingFailure: ({ onboardingId }) => {
      onboardings.get(onboardingId)?.recordFailure();
      return Promise.resolve();
    },
  };
  workers = await runFakeWorkers({ env, workflowBundle, activities, queues: [taskQueues.interactive] });
});
afterAll(async () => {
  await workers.stop();
  await env.teardown();
});

const start = ({ onboardingId, workflowId }: FakeOnboarding) =>
  env.client.workflow.start<typeof sageOnboardingWorkflow>('sageOnboardingWorkflow', {
    workflowId,
    taskQueue: taskQueues.workflows,
    args: [{ onboardingId }],
  });
const run = async (onboarding: FakeOnboarding): Promise<void> => (await start(onboarding)).result();

const over: Step = { next: 'over', state: 'ready' };
const transient: Step = { next: 'later', reason: 'provider_unavailable' };
const persistent: Step = { next: 'later', slowly: true, reason: 'sage_application_refused' };

describe('sageOnboardingWorkflow', () => {
  it('takes step after step without a wait, and ends when it is over', async () => {
    const onboarding = new FakeOnboarding([{}, {}, over]);
    await run(onboarding);
    expect(onboarding.waitsSeconds()).toEqual([0, 0]);
  });

  it('retries soon while Sage does not answer, in the end every five minutes', async () => {
    const onboarding = new FakeOnboarding([...Array<Step>(12).fill(transient), over]);
    await run(onboarding);
    expect(onboarding.waitsSeconds()).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  });

  it('waits as long as Sage asks, and starts with short waits again after a successful step', async () => {
    const asked = { ...transient, waitMs: 50_000 };
    const onboarding = new FakeOnboarding([transient, asked, transient, {}, transient, over]);
    await run(onboarding);
    expect(onboarding.waitsSeconds()).toEqual([1, 50, 4, 0, 1]);
  });

  it('retries slowly when an operator must act first, in the end every hour', async () => {
    const onboarding = new FakeOnboarding([...Array<Step>(9).fill(persistent), over]);
    await run(onboarding);
    expect(onboarding.waitsSeconds().map((seconds) => seconds / 60)).toEqual([
      1, 2, 4, 8, 16, 32, 60, 60, 60,
    ]);
  });

  it('waits for a person until the time in the row, and checks once a day in case a signal was lost', async () => {
    const week = { next: 'wait', state: 'waiting_captcha' } as const;
    const onboarding = new FakeOnboarding([
      { ...week, waitMs: 2.5 * dayMs },
      { ...week, waitMs: 1.5 * dayMs },
      { ...week, waitMs: 0.5 * dayMs },
      over,
    ]);
    await run(onboarding);
    expect(onboarding.waitsSeconds().map((seconds) => seconds * 1_000)).toEqual([dayMs, dayMs, dayMs / 2]);
  });

  it('checks once after a signal, also after one that arrives during a step', async () => {
    const waiting: Step = { next: 'wait', state: 'in_doubt' };
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const slow = async (): Promise<Step> => {
      await held;
      return waiting;
    };
    const onboarding = new FakeOnboarding([waiting, slow, over]);
    const handle = await start(onboarding);
    const checked = (times: number): Promise<boolean> =>
      until(() => onboarding.checksAtMs.length === times, {
        timeoutMs: 20_000,
        describe: `check ${String(times)}`,
      });
    await checked(1);
    await handle.signal(sageOnboardingChanged);
    await checked(2);
    await handle.signal(sageOnboardingChanged);
    release();
    await handle.result();
    expect(onboarding.waitsSeconds().every((seconds) => seconds < 60)).toBe(true);
  });

  it('takes another step after a signal that arrives while the last one ends, so that a reopened onboarding goes on', async () => {
    const onboarding: FakeOnboarding = new FakeOnboarding([
      async () => {
        await env.client.workflow.getHandle(onboarding.workflowId).signal(sageOnboardingChanged);
        return { next: 'over', state: 'refused' };
      },
      over,
    ]);
    await run(onboarding);
    expect(onboarding.checksAtMs).toHaveLength(2);
  });

  it('does not fail when a step fails: it retries later', async () => {
    const broken = (): never => {
      throw ApplicationFailure.nonRetryable('odd', failureTypes.refused);
    };
    const onboarding = new FakeOnboarding([broken, broken, over]);
    await run(onboarding);
    expect(onboarding.waitsSeconds()).toEqual([60, 120]);
    expect(onboarding.failuresRecorded).toBe(2);
  });

  it('records in its row a step that keeps failing, within a quarter of an hour', async () => {
    const broken = (): never => {
      throw ApplicationFailure.retryable('a key that is missing', failureTypes.unexpected);
    };
    const onboarding = new FakeOnboarding([broken]);
    const handle = await start(onboarding);
    // Time is skipped only while a client waits.
    await env.sleep('15m');
    expect(onboarding.failuresRecorded).toBe(1);
    onboarding.script.splice(0, 1, over);
    await handle.result();
  });

  it('continues when the failure cannot be recorded in the row either', async () => {
    const broken = (): never => {
      throw ApplicationFailure.nonRetryable('odd', failureTypes.refused);
    };
    const onboarding = new FakeOnboarding([broken, over]);
    onboarding.recordFailure = () => {
      throw ApplicationFailure.nonRetryable('no database', failureTypes.refused);
    };
    await run(onboarding);
    expect([onboarding.checksAtMs.length, onboarding.failuresRecorded]).toEqual([2, 0]);
  });

  it('ends, and records nothing, when the onboarding does not exist', async () => {
    const gone = (): never => {
      throw ApplicationFailure.nonRetryable('gone', failureTypes.obsolete);
    };
    const onboarding = new FakeOnboarding([gone]);
    await run(onboarding);
    expect(onboarding.checksAtMs).toHaveLength(1);
  });

  it('is renewed and keeps waiting while it is in doubt for two months', async () => {
    const unknownOutcome: Step = { next: 'wait', state: 'in_doubt', reason: 'answer_lost' };
    const onboarding = new FakeOnboarding([...Array<Step>(62).fill(unknownOutcome), over]);
    const handle = await start(onboarding);
    await handle.result();
    expect(onboarding.checksAtMs).toHaveLength(63);
    const { runId } = await env.client.workflow.getHandle(onboarding.workflowId).describe();
    expect(runId).not.toBe(handle.firstExecutionRunId);
  });
});
