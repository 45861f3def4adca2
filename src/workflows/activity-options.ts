import type { RetryPolicy } from '@temporalio/common';
import type { ActivityOptions } from '@temporalio/workflow';
import { failureTypes } from '../domain/failures.js';
import { taskQueues } from '../domain/ids.js';
import { deliverRetryWaits, sageCheckRetryWaits } from '../domain/schedule.js';

/**
 * Time-outs and retries of activities, in one place. `startToCloseTimeout` covers the slowest attempt that can still
 * succeed. No preset limits the number of attempts: the caller sets `scheduleToCloseTimeout` to the rest of its own budget
 * (the handoff's deadline, a command's five minutes, a sync cycle), and blocks or answers when that is used up.
 */

/** A retry cannot succeed: a person must act first, or the connection or the credentials must change. */
const finalFailureTypes: string[] = [
  failureTypes.refused,
  failureTypes.connectionRefused,
  failureTypes.credentialsRejected,
  failureTypes.obsolete,
];

/** A person waits at a page: the first retry comes soon, later ones every few seconds. */
const interactiveRetry: RetryPolicy = {
  initialInterval: '300ms',
  backoffCoefficient: 2,
  maximumInterval: '5s',
  nonRetryableErrorTypes: finalFailureTypes,
};

/** No person waits: back off to a minute, so that the retries of all feeds do not overload a provider after an outage. */
export const deliverRetry: RetryPolicy = {
  initialInterval: deliverRetryWaits.firstMs,
  backoffCoefficient: 2,
  maximumInterval: deliverRetryWaits.maxMs,
  nonRetryableErrorTypes: finalFailureTypes,
};

/** The next check reads what this one missed. Slower than deliveries, since every account retries in an outage. */
const sageCheckRetry: RetryPolicy = {
  ...deliverRetry,
  initialInterval: sageCheckRetryWaits.firstMs,
  maximumInterval: sageCheckRetryWaits.maxMs,
};

/** A few statements; waiting for a connection of the pool ends after 5 s, a statement after 15 s. */
const databaseTimeout = '25s';
/** One request of at most 10 s, the wait for the limiter, and the transactions before and after it. */
const requestTimeout = '45s';
/** A sequence of requests (list, then publish some tens of accounts at most); heartbeats at each step. */
const requestsTimeout = '3m';
/** Longer than a handoff: hundreds of accounts, some seconds each. */
const publishingTimeout = '10m';
/** Without a heartbeat for this long the worker counts as dead: another one retries the activity. */
export const heartbeatTimeout = '10s';
/** Pages of transactions: one request each, and sometimes one for a token. */
const sageCheckTimeoutMs = 10 * 60_000;
/** All attempts of a check together. Then the workflow handles its wake-ups and starts the next check. */
const sageCheckBudgetMs = 11 * 60_000;

/** Pages of a repair job run: they stop after `limits.repairTaskMaxMs`, and heartbeat with each page. */
const repairTimeout = '75s';
/** All attempts together; the next run of the schedule retries anyway. */
const repairBudget = '2m';

/** Handoff, commands and connections: a person or a caller waits. */
export const interactive = {
  database: {
    taskQueue: taskQueues.interactive,
    startToCloseTimeout: databaseTimeout,
    retry: interactiveRetry,
  },
  /** A read at Rutter: repeated until the caller's budget ends. */
  providerRead: {
    taskQueue: taskQueues.interactive,
    startToCloseTimeout: requestTimeout,
    retry: interactiveRetry,
  },
  /** Some pages of a list at Rutter, with heartbeats. */
  providerReads: {
    taskQueue: taskQueues.interactive,
    startToCloseTimeout: requestsTimeout,
    heartbeatTimeout,
    retry: interactiveRetry,
  },
  /** One write at Rutter under a stored key, which makes the repeat safe. */
  providerWrite: {
    taskQueue: taskQueues.interactive,
    startToCloseTimeout: requestTimeout,
    retry: interactiveRetry,
  },
  /** A write without an idempotency key: a retry first looks up its outcome, after a wait, since it may still be in progress. */
  writeWithUnknownOutcome: {
    taskQueue: taskQueues.interactive,
    startToCloseTimeout: requestTimeout,
    retry: deliverRetry,
  },
  /** Several writes, each under its stored key. */
  providerWrites: {
    taskQueue: taskQueues.interactive,
    startToCloseTimeout: requestsTimeout,
    heartbeatTimeout,
    retry: interactiveRetry,
  },
  /**
   * All accounts of a handoff, each under its stored key, some at a time. One attempt may last as long as the handoff
   * lives: a worker that dies is noticed by its heartbeat.
   */
  publishing: {
    taskQueue: taskQueues.interactive,
    startToCloseTimeout: publishingTimeout,
    heartbeatTimeout,
    retry: interactiveRetry,
  },
  /** The repair job: no person waits, but its alerts must not queue up behind delivery runs. */
  repair: {
    taskQueue: taskQueues.interactive,
    startToCloseTimeout: repairTimeout,
    scheduleToCloseTimeout: repairBudget,
    heartbeatTimeout,
    retry: deliverRetry,
  },
} as const satisfies Record<string, ActivityOptions>;

/** Feeds, with their database work: many logins must not delay postings, nor postings logins. */
export const deliver = {
  database: { taskQueue: taskQueues.deliver, startToCloseTimeout: databaseTimeout, retry: deliverRetry },
  providerRead: { taskQueue: taskQueues.deliver, startToCloseTimeout: requestTimeout, retry: deliverRetry },
  /** A check of an account at Sage's Banking Service: at most `sagePagesPerCheckMax` pages, heartbeating with each. */
  sageCheck: {
    taskQueue: taskQueues.deliver,
    startToCloseTimeout: sageCheckTimeoutMs,
    scheduleToCloseTimeout: sageCheckBudgetMs,
    heartbeatTimeout,
    retry: sageCheckRetry,
  },
} as const satisfies Record<string, ActivityOptions>;
