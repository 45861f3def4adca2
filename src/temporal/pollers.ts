import type { Connection } from '@temporalio/client';
import protocol from '@temporalio/proto';
import { taskQueues } from '../domain/ids.js';

const { TaskQueueType } = protocol.temporal.api.enums.v1;

/** A poll waits up to 60 s at the server: a running worker has polled within this time. */
const polledWithinMs = 90_000;

/** The task queues, with the type of task that our workers poll. */
const polled = [
  [taskQueues.workflows, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW],
  [taskQueues.interactive, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
  [taskQueues.deliver, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
] as const;

/** Who polls a task queue, as Temporal reports it. */
export interface PolledQueue {
  readonly taskQueue: string;
  readonly pollers: readonly { readonly identity: string; readonly lastPolledMs: number }[];
}

/** The pollers of each task queue; times are Temporal's. @throws the client's error if Temporal does not answer */
export async function readPolledQueues(
  connection: Pick<Connection, 'workflowService'>,
  input: { namespace: string },
): Promise<PolledQueue[]> {
  return await Promise.all(
    polled.map(async ([name, taskQueueType]) => {
      const { pollers } = await connection.workflowService.describeTaskQueue({
        namespace: input.namespace,
        taskQueue: { name },
        taskQueueType,
      });
      return {
        taskQueue: name,
        pollers: pollers.map(({ identity, lastAccessTime }) => ({
          identity: identity ?? '',
          lastPolledMs: instantMs(lastAccessTime),
        })),
      };
    }),
  );
}

/** The workers that poll a queue now. `serverNowMs` is Temporal's clock, as the polls are. */
export function currentPollers({ pollers }: PolledQueue, serverNowMs: number): string[] {
  return pollers
    .filter(({ lastPolledMs }) => serverNowMs - lastPolledMs <= polledWithinMs)
    .map(({ identity }) => identity);
}

/** A protobuf timestamp as epoch ms; 0 when there is none. */
export function instantMs(
  time: { seconds?: unknown; nanos?: number | null | undefined } | null | undefined,
): number {
  return Number(time?.seconds ?? 0) * 1_000 + Math.floor((time?.nanos ?? 0) / 1_000_000);
}
