import { CancelledFailure, log, metricMeter, type Context } from '@temporalio/activity';
import type { Headers } from '@temporalio/common';
import { failureTypes } from '../domain/failures.js';
import { loggableError } from '../logger.js';
import { readFailure, toFailure } from './failures.js';

interface ExecuteInput {
  readonly args: unknown[];
  readonly headers: Headers;
}

/** Counter of ended attempts, with `activity_type` and `outcome`: `completed`, `cancelled` or a failure type. */
export const activityOutcomesMetric = 'bankfeeds_activity_attempts';

/**
 * Around every activity: turns typed errors into failures by the one table, logs each failed attempt once and counts
 * the ends of all. It decides nothing else. For the worker's option `interceptors.activity`.
 */
export function createActivityInterceptors(context: Context) {
  return {
    inbound: {
      async execute(input: ExecuteInput, next: (input: ExecuteInput) => Promise<unknown>): Promise<unknown> {
        try {
          const result = await next(input);
          count(context, 'completed');
          return result;
        } catch (error) {
          throw failureOf(context, error);
        }
      },
    },
  };
}

function failureOf(context: Context, error: unknown): Error {
  const { cancellationSignal } = context;
  if (error instanceof CancelledFailure || cancellationSignal.aborted) {
    // A call that the cancellation aborted throws its own error; the outcome is the cancellation.
    count(context, 'cancelled');
    const reason: unknown = cancellationSignal.reason;
    if (error instanceof CancelledFailure) return error;
    return reason instanceof CancelledFailure ? reason : new CancelledFailure('cancelled');
  }
  const failure = toFailure(error);
  const reading = failure === error ? undefined : readFailure(error);
  count(context, reading?.type ?? 'failed');
  if (reading !== undefined) {
    const event = { failureType: reading.type, attempt: context.info.attempt, ...reading.detail };
    // Only an unknown error needs its stack. Its text may quote data, so it goes to the log only.
    if (reading.type === failureTypes.unexpected)
      log.error('activity attempt failed', { ...event, error: loggableError(error) });
    else log.warn('activity attempt failed', event);
  }
  return failure;
}

function count(context: Context, outcome: string): void {
  const tags = { activity_type: context.info.activityType, outcome };
  metricMeter.createCounter(activityOutcomesMetric).add(1, tags);
}
