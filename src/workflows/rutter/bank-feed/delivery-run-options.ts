import type { ActivityOptions } from '@temporalio/workflow';
import { taskQueues } from '../../../domain/ids.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { deliverRetry, heartbeatTimeout } from '../../activity-options.js';

const timeoutMs = deliveryLimits.deliveryRunMaxMs + deliveryLimits.lastBatchMaxMs;
/**
 * All attempts of one delivery run together; then the workflow starts the next one. The limit matters because signals that
 * arrive meanwhile grow the history, and a renewal is possible only between delivery runs.
 */
const budgetMs = timeoutMs + 60_000;

/** Batch after batch; attempts are counted in the ledger, and the next delivery run continues where one died. */
export const deliveryRunOptions = {
  taskQueue: taskQueues.deliver,
  startToCloseTimeout: timeoutMs,
  scheduleToCloseTimeout: budgetMs,
  heartbeatTimeout,
  retry: deliverRetry,
} as const satisfies ActivityOptions;
