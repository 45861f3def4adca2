import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { configOrExit, readTemporalEnvironment } from '../src/config.js';
import protocol from '@temporalio/proto';
import { taskQueues } from '../src/domain/ids.js';

const { TaskQueueType } = protocol.temporal.api.enums.v1;

/** A poll waits up to 60 s at the server: a worker that lives was seen later than this. */
const seenWithinMs = 90_000;
const answeredWithinMs = 8_000;

/** The queues, with the kind of task that our workers take from each. */
const polled = [
  [taskQueues.workflows, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW],
  [taskQueues.interactive, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
  [taskQueues.deliver, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
] as const;

/**
 * The task queues that no worker of this host has polled lately, by what Temporal says: empty when all is well. For the
 * health check of a worker's container, which is a host of its own. Throws what the client throws when Temporal does not
 * answer.
 */
export async function queuesNotPolled(input: { host: string; nowMs: number }): Promise<string[]> {
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
        const alive = pollers.some(
          ({ identity, lastAccessTime }) =>
            identity?.startsWith(`bankfeeds@${input.host}:`) === true &&
            input.nowMs - Number(lastAccessTime?.seconds ?? 0) * 1_000 < seenWithinMs,
        );
        return alive ? [] : [name];
      }),
    );
    return missing.flat();
  } finally {
    await connection.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing = await queuesNotPolled({ host: hostname(), nowMs: Date.now() });
  if (missing.length > 0) {
    process.stderr.write(`no worker of this host polls ${missing.join(', ')}\n`);
    process.exitCode = 1;
  }
}
