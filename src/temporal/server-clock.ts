import { randomUUID } from 'node:crypto';
import type { Connection } from '@temporalio/client';
import protocol from '@temporalio/proto';
import type { ClockReading } from '../domain/clock-difference.js';
import { instantMs } from './pollers.js';

const { TaskQueueType } = protocol.temporal.api.enums.v1;

/** Nobody sends tasks to it: it exists so that the server notes when it was polled. */
const clockTaskQueue = 'clock';
/** The poll stays open for this long; the server notes its time when it begins. */
const pollMs = 3_000;
/** The server notes a poll within milliseconds. */
const readEveryMs = 50;

/**
 * The time of the Temporal server. No call answers it, but the server notes when a task queue was polled: this polls an
 * empty one under an identity of its own and reads the note. Nothing is written to a history.
 *
 * @param input `nowMs` is the clock of ours by which it is read
 * @throws the client's error if Temporal does not answer
 */
export async function readServerClock(
  connection: Pick<Connection, 'workflowService' | 'withDeadline' | 'withAbortSignal'>,
  input: { namespace: string; nowMs: () => number },
): Promise<ClockReading> {
  const { namespace, nowMs } = input;
  const identity = `clock-${randomUUID()}`;
  const taskQueue = { name: clockTaskQueue };
  const polling = new AbortController();
  const beforeMs = nowMs();
  let failure: Error | undefined;
  // It ends by our abort, without a task; the server requires a deadline.
  const poll = connection
    .withAbortSignal(polling.signal, () =>
      connection.withDeadline(Date.now() + pollMs, () =>
        connection.workflowService.pollActivityTaskQueue({ namespace, taskQueue, identity }),
      ),
    )
    .catch((error: unknown) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
  try {
    const endsMs = performance.now() + pollMs;
    while (performance.now() < endsMs) {
      const { pollers } = await connection.withDeadline(Date.now() + pollMs, () =>
        connection.workflowService.describeTaskQueue({
          namespace,
          taskQueue,
          taskQueueType: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        }),
      );
      const noted = pollers.find((poller) => poller.identity === identity);
      if (noted !== undefined) {
        return { beforeMs, serverMs: instantMs(noted.lastAccessTime), afterMs: nowMs() };
      }
      if (failure !== undefined) throw failure;
      await new Promise((resolve) => setTimeout(resolve, readEveryMs));
    }
    throw new Error('Temporal did not note a poll');
  } finally {
    polling.abort();
    await poll;
  }
}
