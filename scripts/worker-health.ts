// The health check of a worker's container: ends with 1 unless a worker of this host polls every task queue.
import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { configOrExit, readTemporalEnvironment } from '../src/config.js';
import protocol from '@temporalio/proto';
import { taskQueues } from '../src/domain/ids.js';

const { TaskQueueType } = protocol.temporal.api.enums.v1;

/** A poll waits up to 60 s at the server: a running worker has polled within this time. */
const seenWithinMs = 90_000;
const answeredWithinMs = 8_000;

/** The task queues, with the type of task that our workers poll. */
const polled = [
  [taskQueues.workflows, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW],
  [taskQueues.interactive, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
  [taskQueues.deliver, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
] as const;

const missing = await queuesNotPolled({ host: hostname(), nowMs: Date.now() });
if (missing.length > 0) {
  process.stderr.write(`no worker of this host polls ${missing.join(', ')}\n`);
  process.exitCode = 1;
}

/**
 * The task queues that no worker on this host has polled lately, as reported by Temporal; empty if the worker is healthy.
 * For the health check of a worker's container, which is a separate host.
 *
 * @throws the Temporal client's error if Temporal does not answer
 */
async function queuesNotPolled(input: { host: string; nowMs: number }): Promise<string[]> {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({
    overrideEnvVars: configOrExit(readTemporalEnvironment),
  });
  const connection = await Connection.connect({ ...connectionOptions, connectTimeout: answeredWithinMs });
  try {
    const missing = await Promise.all(
      polled.map(async ([name, taskQueueType]) => {
        const { pollers } = await connection.withDeadline(Date.now() + answeredWithinMs, () =>
          connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType }),
        );
        const isPolled = pollers.some(
          ({ identity, lastAccessTime }) =>
            identity?.startsWith(`bankfeeds@${input.host}:`) === true &&
            input.nowMs - Number(lastAccessTime?.seconds ?? 0) * 1_000 < seenWithinMs,
        );
        return isPolled ? [] : [name];
      }),
    );
    return missing.flat();
  } finally {
    await connection.close();
  }
}
