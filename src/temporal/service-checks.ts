import type { Client, Connection } from '@temporalio/client';
import type { Cause } from '../domain/availability.js';
import { searchAttributeNames } from '../domain/search-attributes.js';
import type { WorkflowCalls } from './calls.js';
import { readTemporalCause } from './cause.js';
import { currentPollers, readPolledQueues, type PolledQueue } from './pollers.js';
import { readServerClock } from './server-clock.js';

/** What Temporal lacks while it answers. Both are made by workers. */
export interface TemporalFindings {
  readonly missingSearchAttributes: readonly string[];
  readonly queuesNotPolled: readonly string[];
}

const notFound = 'NOT_FOUND';

/** Null when the namespace can be used; else why not. Never throws. */
export async function readNamespaceCause({ client, call }: WorkflowCalls): Promise<Cause | null> {
  const { namespace } = client.options;
  try {
    await call(() => client.workflowService.describeNamespace({ namespace }));
    return null;
  } catch (error) {
    const cause = readTemporalCause(error);
    return cause.code === notFound
      ? { code: notFound, text: `the namespace "${namespace}" does not exist` }
      : cause;
  }
}

/** @throws WorkflowsUnavailable */
export async function readTemporalFindings({ client, call }: WorkflowCalls): Promise<TemporalFindings> {
  const { namespace } = client.options;
  const connection = client.connection as Connection;
  const [registered, queues] = await Promise.all([
    // Where listing them is not allowed, as in Temporal Cloud, none is reported as missing.
    call(() => connection.operatorService.listSearchAttributes({ namespace })).catch(() => null),
    call(() => readPolledQueues(connection, { namespace })),
  ]);
  const missingSearchAttributes = Object.values(searchAttributeNames).filter(
    (name) => registered !== null && registered.customAttributes[name] === undefined,
  );
  return { missingSearchAttributes, queuesNotPolled: await readQueuesNotPolled(queues, client) };
}

async function readQueuesNotPolled(queues: readonly PolledQueue[], client: Client): Promise<string[]> {
  if (queuesNotPolled(queues, Date.now()).length === 0) return [];
  // Our clock may be ahead of Temporal's, whose times these are.
  const { serverMs } = await readServerClock(client.connection, {
    namespace: client.options.namespace,
    nowMs: Date.now,
  });
  return queuesNotPolled(queues, serverMs);
}

/** The task queues that no worker has polled lately. */
export function queuesNotPolled(queues: readonly PolledQueue[], nowMs: number): string[] {
  return queues
    .filter((queue) => currentPollers(queue, nowMs).length === 0)
    .map(({ taskQueue }) => taskQueue);
}
