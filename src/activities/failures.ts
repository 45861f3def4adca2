import { ApplicationFailure, CompleteAsyncError, TemporalFailure } from '@temporalio/common';
import { ProviderError, type ProviderErrorMeaning } from '../clients/http/provider-error.js';
import { LimiterSaturated } from '../db/rate-limiter.js';
import { isDatabaseUnavailable } from '../db/unavailable.js';
import { failureTypes, type FailureType } from '../domain/failures.js';

/** The row, claim or deadline that the activity needs no longer exists: nothing is left to do. Never retried. */
export class Obsolete extends Error {
  override readonly name = 'Obsolete';
}

/** The worker is not configured for this channel. */
export class ChannelDisabled extends Error {
  override readonly name = 'ChannelDisabled';
  constructor(channel: string) {
    super(`the channel ${channel} is not configured`);
  }
}

/** A probe has confirmed that the provider rejects our own credentials, for every connection. */
export class CredentialsRejected extends Error {
  override readonly name = 'CredentialsRejected';
  constructor(cause: unknown) {
    super('the provider rejects our credentials', { cause });
  }
}

/** What a failure carries besides its type: the provider's codes. The provider message stays in our rows. */
export interface FailureDetail {
  readonly httpStatus?: number;
  readonly errorType?: string;
  readonly errorCode?: string;
  /** To quote to the provider's support. */
  readonly requestId?: string;
}

/** What an error means to a workflow. */
export interface FailureReading {
  readonly type: FailureType;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly detail?: FailureDetail;
}

/** The one table from errors of the providers' clients to failures. */
const providerFailures: Readonly<Record<ProviderErrorMeaning, { type: FailureType; retryable: boolean }>> = {
  unavailable: { type: failureTypes.providerUnavailable, retryable: true },
  rate_limited: { type: failureTypes.rateLimited, retryable: true },
  connection_refused: { type: failureTypes.connectionRefused, retryable: false },
  credentials_rejected: { type: failureTypes.credentialsRejected, retryable: false },
  refused: { type: failureTypes.refused, retryable: false },
  unexpected_answer: { type: failureTypes.unexpected, retryable: true },
};

/**
 * The failure of an error. Unknown errors are retryable and have a type of their own, so that they are counted and
 * alerted on; an error is never taken for a success.
 */
export function readFailure(error: unknown): FailureReading {
  if (error instanceof ProviderError) return readProviderError(error);
  if (error instanceof Obsolete) return { type: failureTypes.obsolete, retryable: false };
  if (error instanceof ChannelDisabled) {
    return { type: failureTypes.channelDisabled, retryable: true, detail: { errorCode: 'channel_disabled' } };
  }
  if (error instanceof CredentialsRejected)
    return { type: failureTypes.credentialsRejected, retryable: false };
  const name = error instanceof Error ? error.name : '';
  // By name, because activities may not import its class: Temporal did not accept a message.
  if (name === 'WorkflowsUnavailable') return { type: failureTypes.providerUnavailable, retryable: true };
  if (error instanceof LimiterSaturated) {
    return { type: failureTypes.rateLimited, retryable: true, retryAfterMs: Math.ceil(error.waitMs) };
  }
  if (isDatabaseUnavailable(error)) return { type: failureTypes.databaseUnavailable, retryable: true };
  return { type: failureTypes.unexpected, retryable: true };
}

function readProviderError(error: ProviderError): FailureReading {
  const reading = { ...providerFailures[error.meaning], detail: detailOf(error) };
  // Other errors may carry the header too; their retries follow the activity's own policy.
  return error.meaning !== 'rate_limited' || error.retryAfterMs === undefined
    ? reading
    : { ...reading, retryAfterMs: error.retryAfterMs };
}

function detailOf({ httpStatus, errorType, errorCode, requestId }: ProviderError): FailureDetail {
  return {
    ...(httpStatus === undefined ? {} : { httpStatus }),
    ...(errorType == null ? {} : { errorType }),
    ...(errorCode == null ? {} : { errorCode }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}

/**
 * The failure that goes to Temporal for an error of an activity. What Temporal itself threw (cancellation, a failure
 * made on purpose) passes unchanged. The cause is left out: it may hold a URL; the worker's log has it, redacted.
 */
export function toFailure(error: unknown): Error {
  if (error instanceof TemporalFailure || error instanceof CompleteAsyncError) return error;
  const reading = readFailure(error);
  return ApplicationFailure.create({
    // Our own errors' messages hold no secrets; a foreign error's text could quote data, so only its name is passed on.
    message: isOurs(error) ? error.message : error instanceof Error ? error.name : 'not an error',
    type: reading.type,
    nonRetryable: !reading.retryable,
    ...(reading.retryAfterMs === undefined ? {} : { nextRetryDelay: reading.retryAfterMs }),
    ...(reading.detail === undefined ? {} : { details: [reading.detail] }),
  });
}

function isOurs(error: unknown): error is Error {
  return (
    error instanceof ProviderError ||
    error instanceof Obsolete ||
    error instanceof ChannelDisabled ||
    error instanceof CredentialsRejected ||
    error instanceof LimiterSaturated
  );
}
