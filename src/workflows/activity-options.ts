import type { RetryPolicy } from '@temporalio/common';
import type { ActivityOptions } from '@temporalio/workflow';
import { failureTypes } from '../domain/failures.js';
import { taskQueues } from '../domain/ids.js';
import { limits } from '../domain/limits.js';

/**
 * How activities are tried, in one place. `startToCloseTimeout` is the slowest honest attempt. No preset limits the
 * number of attempts: the caller sets `scheduleToCloseTimeout` to what is left of its own budget (the hand-off's
 * deadline, a command's five minutes, a sync cycle), and parks or answers when that is spent.
 */

/** Trying again changes nothing: a person, another connection or another time must come first. */
const finalFailureTypes: string[] = [
  failureTypes.refused,
  failureTypes.connectionRefused,
  failureTypes.organisationRefused,
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
const deliverRetry: RetryPolicy = {
  initialInterval: '1s',
  backoffCoefficient: 2,
  maximumInterval: '60s',
  nonRetryableErrorTypes: finalFailureTypes,
};

/** What the next look makes up for: slower still, since an outage is met by every account at once. */
const sageLookRetry: RetryPolicy = { ...deliverRetry, maximumInterval: '3m' };

/** A few statements; the pool gives up a connection after 5 s and a statement after 15 s. */
const databaseTimeout = '25s';
/** One request of at most 10 s, its turn at the limiter, and the transactions before and after it. */
const requestTimeout = '45s';
/** A few requests after one another (list, then publish up to some tens of accounts); heartbeats at each step. */
const requestsTimeout = '3m';
/** No sign of life for this long means that the process is gone: the activity is given to another. */
const heartbeatTimeout = '10s';
/** A slice ends its last batch after its minute: its turns at the limiter, a POST of 45 s, a list read twice. */
const sliceTimeoutMs = limits.sliceMaxMs + 8 * 60_000;
/**
 * Attempts of one slice go on this long; then the workflow starts the next. Signals that come meanwhile grow its
 * history, and only between slices can it be renewed.
 */
const sliceTriesMs = sliceTimeoutMs + 60_000;

/** Pages of transactions, one request each with perhaps a token before it. */
const sageLookTimeoutMs = 10 * 60_000;
/** Then the workflow takes its wake-ups in and begins the next look. */
const sageLookTriesMs = 11 * 60_000;

/** Pages of a sweep: they stop after `limits.sweepMaxMs`, and heartbeat with each page. */
const sweepTimeout = '75s';
/** The next firing tries again anyway. */
const sweepTriesTimeout = '2m';

/** Hand-off, commands and connections: a person or a caller waits. */
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
  doubtfulWrite: {
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
  /** The fleet's chores: nobody waits, but a crowd of slices must not keep the alarm from being raised. */
  sweep: {
    taskQueue: taskQueues.interactive,
    startToCloseTimeout: sweepTimeout,
    scheduleToCloseTimeout: sweepTriesTimeout,
    heartbeatTimeout,
    retry: deliverRetry,
  },
} as const satisfies Record<string, ActivityOptions>;

/** Feeds: database work of feeds stands here too, so that a crowd of logins never delays postings, nor they it. */
export const deliver = {
  database: { taskQueue: taskQueues.deliver, startToCloseTimeout: databaseTimeout, retry: deliverRetry },
  providerRead: { taskQueue: taskQueues.deliver, startToCloseTimeout: requestTimeout, retry: deliverRetry },
  /** A look at an account of Sage's Banking Service: at most `sagePagesPerLookMax` pages, heartbeating with each. */
  sageLook: {
    taskQueue: taskQueues.deliver,
    startToCloseTimeout: sageLookTimeoutMs,
    scheduleToCloseTimeout: sageLookTriesMs,
    heartbeatTimeout,
    retry: sageLookRetry,
  },
  /** Batch after batch; attempts are counted in the ledger, and a slice that dies is taken up from there. */
  slice: {
    taskQueue: taskQueues.deliver,
    startToCloseTimeout: sliceTimeoutMs,
    scheduleToCloseTimeout: sliceTriesMs,
    heartbeatTimeout,
    retry: deliverRetry,
  },
} as const satisfies Record<string, ActivityOptions>;
