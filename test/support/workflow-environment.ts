import { fileURLToPath } from 'node:url';
import { WorkflowNotFoundError, type Client, type WorkflowHandle } from '@temporalio/client';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { workflowBundleCode } from '../../scripts/workflow-bundle.js';
import type { Activities } from '../../src/activities/channels.js';
import { taskQueues } from '../../src/domain/ids.js';
import { searchAttributeTypes } from '../../src/temporal/search-attributes.js';
import { changeMark, type WorkflowChange } from './changed-workflows.js';
import { createReplayConverter } from './replay-key.js';
import { installRuntime } from './runtime.js';
import { createTimeSkipping } from './temporal.js';
import { until } from './until.js';

const soonMs = 20_000;

/**
 * A time-skipping server with our search attributes, its SDK logging errors only. Payloads are encrypted as in
 * production, so that a history recorded here replays under the converter of the workers.
 */
export async function createWorkflowEnvironment(): Promise<TestWorkflowEnvironment> {
  installRuntime();
  const env = await createTimeSkipping({ client: { dataConverter: createReplayConverter() } });
  // This server adds search attributes but cannot list them.
  const { operatorService } = env.connection;
  await operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: searchAttributeTypes });
  return env;
}

/** All our workflows, bundled as the worker's are; or what this change would make of them. */
export async function bundleWorkflows(change?: WorkflowChange): Promise<WorkflowBundle> {
  if (change === undefined) return { code: await workflowBundleCode() };
  const code = await workflowBundleCode(fileURLToPath(new URL('./changed-workflows.ts', import.meta.url)));
  return { code: code.replaceAll(changeMark, change) };
}

export interface FakeWorkers {
  readonly stop: () => Promise<void>;
}

/** The workers of a test whose activities are fakes: one for the workflows, one for each queue of activities. */
export async function runFakeWorkers(input: {
  env: TestWorkflowEnvironment;
  workflowBundle: WorkflowBundle;
  activities: Partial<Activities>;
  queues: readonly (typeof taskQueues)[keyof typeof taskQueues][];
}): Promise<FakeWorkers> {
  const { env, workflowBundle, activities } = input;
  const dataConverter = createReplayConverter();
  const shared = { connection: env.nativeConnection, namespace: 'default', dataConverter };
  const workers = await Promise.all([
    Worker.create({ ...shared, taskQueue: taskQueues.workflows, workflowBundle }),
    ...input.queues.map((taskQueue) => Worker.create({ ...shared, taskQueue, activities })),
  ]);
  const running = workers.map((worker) => worker.run());
  return {
    stop: async () => {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
    },
  };
}

/**
 * Sends a signal, with or without a start. In the moment in which a run ends or is renewed this server, unlike the real
 * one, refuses as if nothing ran: what it refuses so is sent again.
 */
export async function untilTaken(send: () => Promise<unknown>): Promise<void> {
  const attempt = async () => {
    try {
      await send();
      return { error: null };
    } catch (error) {
      return error instanceof WorkflowNotFoundError ? undefined : { error };
    }
  };
  const { error } = await until(attempt, { timeoutMs: soonMs, describe: 'the signal is taken' });
  if (error !== null) throw new Error('the signal was refused', { cause: error });
}

/**
 * Ends a workflow of a test that is over. An activity or a workflow task that outlives its workflow would keep this
 * server from skipping time ever after, so both are waited for: they are over when the server has their answers.
 */
export async function endAtRest(client: Client, workflowId: string): Promise<void> {
  const handle = client.workflow.getHandle(workflowId);
  const isAtRest = async () => openTasks((await handle.fetchHistory()).events ?? []) === 0;
  try {
    await handle.describe();
    await until(isAtRest, { timeoutMs: soonMs, describe: `${workflowId} is at rest` });
    await handle.terminate();
  } catch (error) {
    // It never began, or has ended by itself.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

type HistoryEvents = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>;

/** How many activities and workflow tasks were given out and not answered yet. */
function openTasks(events: HistoryEvents): number {
  let open = 0;
  for (const event of events) {
    // The next run has begun, or is about to.
    if (event.workflowExecutionContinuedAsNewEventAttributes) open += 1;
    if (event.activityTaskScheduledEventAttributes || event.workflowTaskScheduledEventAttributes) open += 1;
    if (event.activityTaskCompletedEventAttributes || event.workflowTaskCompletedEventAttributes) open -= 1;
    if (event.activityTaskFailedEventAttributes || event.workflowTaskFailedEventAttributes) open -= 1;
    if (event.activityTaskTimedOutEventAttributes || event.workflowTaskTimedOutEventAttributes) open -= 1;
    if (event.activityTaskCanceledEventAttributes) open -= 1;
  }
  return open;
}
