import type { ActivityOptions } from '@temporalio/workflow';
import { taskQueues } from '../../../domain/ids.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { deliverRetry, heartbeatTimeout } from '../../activity-options.js';

const timeoutMs = deliveryLimits.deliveryRunMaxMs + deliveryLimits.lastBatchMaxMs;
/**
 * Attempts of one delivery run go on this long; then the workflow starts the next. Signals that arrive meanwhile grow
 * its history, and it can be renewed only between delivery runs.
 */
const triesMs = timeoutMs + 60_000;

/** Batch after batch; attempts are counted in the ledger, and the next run goes on where one died. */
export const deliveryRunOptions = {
  taskQueue: taskQueues.deliver,
  startToCloseTimeout: timeoutMs,
  scheduleToCloseTimeout: triesMs,
  heartbeatTimeout,
  retry: deliverRetry,
} as const satisfies ActivityOptions;
