import { hostname } from 'node:os';
import type { WorkerOptions } from '@temporalio/worker';

/**
 * Every production option of the workers by name. Sizes follow memory and the length of transactions: a delivery run holds a
 * database connection only in its short transactions, so there may be far more delivery runs than connections.
 */

/** Longer than a turn at the limiter (15 s) and the longest POST (45 s): a batch in flight is completed before the shutdown. */
export const shutdownGraceMs = 65_000;
/** Activities that still run then are aborted; the next attempt continues from the ledger. */
export const shutdownForceMs = 75_000;
/** Heartbeats reach the server as they are made, every 3 s: of the 10 s without one, one may be lost. */
const heartbeatThrottleMs = 3_000;
/** 240 to 270 KB each: half a gigabyte at most. */
const cachedWorkflowsMax = 1_000;
const workflowTasksMax = 40;
const interactiveActivitiesMax = 50;
const deliveryRunsMax = 100;

/**
 * The SDK aborts an activation of workflow code after 5 s of wall time, which Node does not survive when it happens inside
 * a promise hook ("async hook stack has become corrupted"): the whole process ends. A task that finds some thousand
 * signals takes a second of CPU, and several seconds on a starved machine; a slow task is better than a dead process. The option is the
 * SDK's own, though not in its types; `test/verify/rutter/signal-storms.test.ts` shows that it counts.
 */
const activationTimeout = { isolateExecutionTimeout: '30s' } as const;

type RoleOptions = Omit<WorkerOptions, 'connection' | 'namespace' | 'dataConverter' | 'taskQueue'>;

/** Under which a worker process polls. */
export const workerIdentity = `bankfeeds@${hostname()}:${String(process.pid)}`;

const shared = {
  identity: workerIdentity,
  shutdownGraceTime: shutdownGraceMs,
  shutdownForceTime: shutdownForceMs,
  maxHeartbeatThrottleInterval: heartbeatThrottleMs,
} satisfies RoleOptions;

export const workerOptions = {
  workflows: {
    ...shared,
    ...activationTimeout,
    maxCachedWorkflows: cachedWorkflowsMax,
    maxConcurrentWorkflowTaskExecutions: workflowTasksMax,
  },
  interactive: { ...shared, maxConcurrentActivityTaskExecutions: interactiveActivitiesMax },
  deliver: { ...shared, maxConcurrentActivityTaskExecutions: deliveryRunsMax },
} satisfies Record<string, RoleOptions>;
