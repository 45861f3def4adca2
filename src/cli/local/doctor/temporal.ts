import {
  ScheduleNotFoundError,
  type Client,
  type Connection,
  type ScheduleDescription,
} from '@temporalio/client';
import { readRepairAge } from '../../../db/repair-tasks.js';
import type { Pool } from '../../../db/pool.js';
import { fleetRepairScheduleId } from '../../../domain/ids.js';
import { currentPollers, readPolledQueues, type PolledQueue } from '../../../temporal/pollers.js';
import { searchAttributeTypes } from '../../../temporal/search-attributes.js';
import { readServerClock } from '../../../temporal/server-clock.js';
import { connectProblem } from './connect-problem.js';
import { once } from './once.js';
import { failed, ok, skipped, textOf, type Check, type Finding } from './check.js';

/** What the checks of Temporal use. */
export interface TemporalParts {
  readonly connection: Connection;
  readonly client: Client;
  readonly namespace: string;
  readonly address: string;
}

/** The server answers within seconds, or its part counts as failed. */
const answerMs = 8_000;
/** The repair job runs every minute; three may be late while a worker is replaced. */
const repairAgeMaxSeconds = 240;
const notFoundStatus = 5;
/** The client hides why it cannot connect: a plain connection is tried for this long. */
const connectProbeMs = 2_000;

/** `parts` is null where the variables of Temporal cannot be read; `pool` where DATABASE_URL is missing. */
export function temporalChecks(parts: TemporalParts | null, pool: Pool | null): Check[] {
  const needs = 'needs the TEMPORAL_… variables';
  if (parts === null) return checkIds.map((id) => ({ id, run: () => skipped(needs) }));
  const { connection, namespace, client } = parts;
  const within = <T>(read: () => Promise<T>) => connection.withDeadline(Date.now() + answerMs, read);
  const namespaceFinding = once(() => within(() => readNamespace(parts)));
  const whenThere = (id: string, run: () => Promise<Finding>): Check => ({
    id,
    run: async () => {
      if ((await namespaceFinding()).outcome === 'failed') return skipped('see temporal-namespace');
      try {
        return await within(run);
      } catch (error) {
        return failed(textOf(error), 'Look into the log of the Temporal server, and try again.');
      }
    },
  });
  return [
    { id: 'temporal-namespace', run: namespaceFinding },
    whenThere('schedule', async () =>
      scheduleFinding({ schedule: await readSchedule(client), repairAgeSeconds: await readAge(pool) }),
    ),
    whenThere('search-attributes', async () => {
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      return searchAttributesFinding(customAttributes, namespace);
    }),
    whenThere('workers', async () => {
      const { serverMs } = await readServerClock(connection, { namespace, nowMs: Date.now });
      return workersFinding({
        queues: await readPolledQueues(connection, { namespace }),
        serverNowMs: serverMs,
      });
    }),
  ];
}

const checkIds = ['temporal-namespace', 'schedule', 'search-attributes', 'workers'];

/** Never rejects. */
async function readNamespace({ connection, namespace, address }: TemporalParts): Promise<Finding> {
  try {
    await connection.ensureConnected();
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    const days = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 86_400;
    return ok(`${address}, namespace ${namespace}, closed workflows are kept for ${days.toFixed(0)} days`);
  } catch (error) {
    if ((error as { code?: unknown }).code === notFoundStatus) {
      return failed(
        `${address} has no namespace ${namespace}`,
        `Correct TEMPORAL_NAMESPACE, or create it: temporal operator namespace create --namespace ${namespace} --retention 720h`,
      );
    }
    return failed(
      `${address}, namespace ${namespace}: ${(await connectProblem(address, connectProbeMs)) ?? textOf(error)}`,
      'Start the Temporal server and check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and the TLS variables.',
    );
  }
}

async function readSchedule(client: Client): Promise<ScheduleDescription | null> {
  try {
    return await client.schedule.getHandle(fleetRepairScheduleId).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  }
}

/** Null without a database, or without its schema: their own checks say so. */
async function readAge(pool: Pool | null): Promise<number | null> {
  return pool === null ? null : await readRepairAge(pool).catch(() => null);
}

/** The Schedule of the repair job exists, is not paused, and its runs end. */
export function scheduleFinding(input: {
  schedule: { readonly state: { readonly paused: boolean; readonly note?: string | undefined } } | null;
  repairAgeSeconds: number | null;
}): Finding {
  const { schedule, repairAgeSeconds } = input;
  if (schedule === null) {
    return failed(
      `the Schedule ${fleetRepairScheduleId} does not exist`,
      'Start a worker, which creates it; until then lost workflows and signals are not repaired.',
    );
  }
  if (schedule.state.paused) {
    const note = schedule.state.note === undefined ? '' : ` (${schedule.state.note})`;
    return failed(
      `the Schedule ${fleetRepairScheduleId} is paused${note}: nothing is repaired, no alert is raised`,
      `Let it go on when its reason is over: temporal schedule toggle --schedule-id ${fleetRepairScheduleId} --unpause`,
    );
  }
  if (repairAgeSeconds === null) return ok('the repair job is scheduled');
  const age = `${repairAgeSeconds.toFixed(0)} s ago`;
  if (repairAgeSeconds <= repairAgeMaxSeconds) return ok(`the repair job ran to its end ${age}`);
  return failed(
    `the repair job last ran to its end ${age}`,
    `Look at its runs in the Temporal UI (workflow id ${fleetRepairScheduleId}): a missing worker or a failing task holds it.`,
  );
}

/** Every search attribute is registered with our type. */
export function searchAttributesFinding(
  registered: Readonly<Record<string, number | null | undefined>>,
  namespace: string,
): Finding {
  const names = Object.entries<number>(searchAttributeTypes);
  const missing = names.filter(([name]) => registered[name] == null).map(([name]) => name);
  const mismatched = names
    .filter(([name, type]) => registered[name] != null && registered[name] !== type)
    .map(([name]) => name);
  if (mismatched.length > 0) {
    return failed(
      `registered with another type: ${mismatched.join(', ')}`,
      `Remove them from the namespace (temporal operator search-attribute remove --namespace ${namespace} --name …) and restart a worker, or use another namespace.`,
    );
  }
  if (missing.length > 0) {
    return failed(
      `not registered: ${missing.join(', ')}`,
      'Start a worker, which registers them; on Temporal Cloud create them in the namespace.',
    );
  }
  return ok(`all ${String(names.length)} are registered`);
}

/** Each task queue has a worker. All times are Temporal's, so that the clock of this machine does not matter. */
export function workersFinding(input: { queues: readonly PolledQueue[]; serverNowMs: number }): Finding {
  const current = input.queues.map((queue) => ({
    taskQueue: queue.taskQueue,
    identities: currentPollers(queue, input.serverNowMs),
  }));
  const without = current.filter(({ identities }) => identities.length === 0);
  const workers = new Set(current.flatMap(({ identities }) => identities));
  if (without.length > 0) {
    return failed(
      `no worker polls ${without.map(({ taskQueue }) => taskQueue).join(', ')}`,
      'Start workers (npm run worker) with the same TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE; look into their logs if they run.',
    );
  }
  const queues = current.map(({ taskQueue }) => taskQueue).join(', ');
  return ok(`${String(workers.size)} ${workers.size === 1 ? 'worker polls' : 'workers poll'} ${queues}`);
}
