import { hostname } from 'node:os';
import type { WorkerOptions } from '@temporalio/worker';

/**
 * Every production option of the workers by name. Sizes follow memory and the length of transactions: a slice holds a
 * database connection only in its short transactions, so there may be far more slices than connections.
 */

/** Longer than a turn at the limiter (15 s) and the longest POST (45 s): a batch in flight is settled before the end. */
export const shutdownGraceMs = 65_000;
/** What has not ended by itself then is ended; the ledger takes it up from there. */
export const shutdownForceMs = 75_000;
/** Heartbeats reach the server as they are made, every 3 s: of the 10 s without one, one may be lost. */
const heartbeatThrottleMs = 3_000;
/** 240 to 270 KB each: half a gigabyte at most. */
const cachedWorkflowsMax = 1_000;
const workflowTasksMax = 40;
const interactiveActivitiesMax = 50;
const slicesMax = 100;

type RoleOptions = Omit<WorkerOptions, 'connection' | 'namespace' | 'dataConverter' | 'taskQueue'>;

const shared = {
  identity: `bankfeeds@${hostname()}:${String(process.pid)}`,
  shutdownGraceTime: shutdownGraceMs,
  shutdownForceTime: shutdownForceMs,
  maxHeartbeatThrottleInterval: heartbeatThrottleMs,
} satisfies RoleOptions;

export const workerOptions = {
  workflows: {
    ...shared,
    maxCachedWorkflows: cachedWorkflowsMax,
    maxConcurrentWorkflowTaskExecutions: workflowTasksMax,
  },
  interactive: { ...shared, maxConcurrentActivityTaskExecutions: interactiveActivitiesMax },
  deliver: { ...shared, maxConcurrentActivityTaskExecutions: slicesMax },
} satisfies Record<string, RoleOptions>;
