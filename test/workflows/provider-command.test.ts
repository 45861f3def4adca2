import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../src/activities/channels.js';
import type { ChannelId } from '../../src/domain/channel.js';
import { failureTypes } from '../../src/domain/failures.js';
import { providerCommandWorkflowId, taskQueues } from '../../src/domain/ids.js';
import type { providerCommandWorkflow } from '../../src/workflows/provider-command/workflow.js';
import {
  bundleWorkflows,
  createWorkflowEnvironment,
  runFakeWorkers,
  type FakeWorkers,
} from '../support/workflow-environment.js';

let env: TestWorkflowEnvironment;
let workers: FakeWorkers;
const commands = new Map<string, FakeCommand>();

class FakeCommand {
  readonly commandId = randomUUID();
  triesAtMs: number[] = [];
  channels: ChannelId[] = [];
  failed: Parameters<Activities['dbFailCommand']>[0][] = [];
  constructor(readonly answer: (tries: number) => Awaited<ReturnType<Activities['providerRunCommand']>>) {}
}

beforeAll(async () => {
  const [started, workflowBundle] = await Promise.all([createWorkflowEnvironment(), bundleWorkflows()]);
  env = started;
  const fakeOf = (input: { commandId: string }) => {
    const fake = commands.get(input.commandId);
    if (fake === undefined) throw new Error('no such command in this test');
    return fake;
  };
  const activities: Partial<Activities> = {
    providerRunCommand: async (input) => {
      const fake = fakeOf(input);
      fake.channels.push(input.channel);
      fake.triesAtMs.push(await env.currentTimeMs());
      return fake.answer(fake.triesAtMs.length);
    },
    dbFailCommand: async (input) => {
      const fake = fakeOf(input);
      fake.failed.push(input);
      if (fake.failed.length === 1) throw new Error('the database is unavailable');
      return { state: 'failed' };
    },
  };
  workers = await runFakeWorkers({ env, workflowBundle, activities, queues: [taskQueues.interactive] });
});
afterAll(async () => {
  await workers.stop();
  await env.teardown();
});

async function run(fake: FakeCommand, channel: ChannelId = 'rutter'): Promise<void> {
  commands.set(fake.commandId, fake);
  const { commandId } = fake;
  await env.client.workflow.execute<typeof providerCommandWorkflow>('providerCommandWorkflow', {
    workflowId: providerCommandWorkflowId(commandId),
    taskQueue: taskQueues.workflows,
    args: [{ commandId, channel }],
  });
}

const away = () => ApplicationFailure.create({ message: 'away', type: failureTypes.providerUnavailable });

describe('providerCommandWorkflow', () => {
  it('completes with the first answer, whether result or problem', async () => {
    for (const state of ['done', 'failed'] as const) {
      const fake = new FakeCommand(() => ({ state }));
      await run(fake);
      expect(fake.triesAtMs).toHaveLength(1);
      expect(fake.failed).toEqual([]);
    }
  });

  it('retries while the provider does not answer', async () => {
    const fake = new FakeCommand((tries) => {
      if (tries < 4) throw away();
      return { state: 'done' };
    });
    await run(fake);
    expect(fake.triesAtMs).toHaveLength(4);
    expect(fake.failed).toEqual([]);
  });

  it('fails after five minutes, and records that however many attempts it takes', async () => {
    const fake = new FakeCommand(() => {
      throw away();
    });
    await run(fake);
    const [first, last] = [fake.triesAtMs[0]!, fake.triesAtMs.at(-1)!];
    expect(last - first).toBeGreaterThan(4 * 60_000);
    expect(last - first).toBeLessThanOrEqual(5 * 60_000 + 1_000);
    const { commandId } = fake;
    expect(fake.failed).toEqual(
      Array(2).fill({ commandId, channel: 'rutter', code: 'provider_unavailable' }),
    );
  });

  it('completes and records nothing when the command does not exist', async () => {
    const fake = new FakeCommand(() => {
      throw ApplicationFailure.nonRetryable('gone', failureTypes.obsolete);
    });
    await run(fake);
    expect(fake.failed).toEqual([]);
  });

  it('asks the provider of its channel, and records a failure for that channel', async () => {
    const fake = new FakeCommand(() => {
      throw away();
    });
    await run(fake, 'sage-banking');
    const { commandId } = fake;
    expect(new Set(fake.channels)).toEqual(new Set(['sage-banking']));
    expect(fake.failed[0]).toEqual({ commandId, channel: 'sage-banking', code: 'provider_unavailable' });
  });
});
