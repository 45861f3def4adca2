import type { RetryPolicy } from '@temporalio/common';
import type { ActivityOptions } from '@temporalio/workflow';
import { failureTypes } from '../domain/failures.js';
import { taskQueues } from '../domain/ids.js';

/**
 * How activities are tried, in one place. `startToCloseTimeout` is the slowest honest attempt. No preset limits the
 * number of attempts: the caller sets `scheduleToCloseTimeout` to what is left of its own budget (the handoff's
 * deadline, a command's five minutes, a sync cycle), and blocks or answers when that is spent.
 */

/** Trying again changes nothing: a person, another connection or another time must come first. */
const finalFailureTypes: string[] = [
  failureTypes.refused,
  failureTypes.connectionRefused,
  failureTypes.credentialsRejected,
  failureTypes.obsolete,
];

/** While a person waits at a page: soon, then every few seconds. */
const interactiveRetry: RetryPolicy = {
  initialInterval: '300ms',
  backoffCoefficient: 2,
  maximumInterval: '5s',
  nonRetryableErrorTypes: finalFailureTypes,
};

/** Nobody waits: back off to a minute, so that an outage is not met by a crowd. */
export const deliverRetry: RetryPolicy = {
  initialInterval: '1s',
  backoffCoefficient: 2,
  maximumInterval: '60s',
  nonRetryableErrorTypes: finalFailureTypes,
};

/** What the next check makes up for: slower still, since an outage is met by every account at once. */
const sageCheckRetry: RetryPolicy = { ...deliverRetry, maximumInterval: '3m' };

/** A few statements; the pool gives up a connection after 5 s and a statement after 15 s. */
const databaseTimeout = '25s';
/** One request of at most 10 s, its turn at the limiter, and the transactions before and after it. */
const requestTimeout = '45s';
/** A few requests after one another (list, then publish up to some tens of accounts); heartbeats at each step. */
const requestsTimeout = '3m';
/** No sign of life for this long means that the process is gone: the activity is given to another. */
export const heartbeatTimeout = '10s';
/** Pages of transactions, one request each with perhaps a token before it. */
const sageCheckTimeoutMs = 10 * 60_000;
/** Then the workflow takes its wake-ups in and begins the next check. */
const sageCheckTriesMs = 11 * 60_000;

/** Pages of a repair job run: they stop after `limits.repairTaskMaxMs`, and heartbeat with each page. */
const repairTimeout = '75s';
/** The next firing tries again anyway. */
const repairTriesTimeout = '2m';

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
  /** A write without a key: what came of it is looked up first, and not at once, since it may be under way still. */
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
  /** The fleet's chores: nobody waits, but a crowd of delivery runs must not keep the alarm from being raised. */
  repair: {
    taskQueue: taskQueues.interactive,
    startToCloseTimeout: repairTimeout,
    scheduleToCloseTimeout: repairTriesTimeout,
    heartbeatTimeout,
    retry: deliverRetry,
  },
} as const satisfies Record<string, ActivityOptions>;

/** Feeds: database work of feeds stands here too, so that a crowd of logins never delays postings, nor they it. */
export const deliver = {
  database: { taskQueue: taskQueues.deliver, startToCloseTimeout: databaseTimeout, retry: deliverRetry },
  providerRead: { taskQueue: taskQueues.deliver, startToCloseTimeout: requestTimeout, retry: deliverRetry },
  /** A check an account of Sage's Banking Service: at most `sagePagesPerCheckMax` pages, heartbeating with each. */
  sageCheck: {
    taskQueue: taskQueues.deliver,
    startToCloseTimeout: sageCheckTimeoutMs,
    scheduleToCloseTimeout: sageCheckTriesMs,
    heartbeatTimeout,
    retry: sageCheckRetry,
  },
} as const satisfies Record<string, ActivityOptions>;
