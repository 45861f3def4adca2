import { ApplicationFailure, CompleteAsyncError, TemporalFailure } from '@temporalio/common';
import { isRutterError, type RutterError } from '../clients/rutter/errors.js';
import { isSageError, type SageError } from '../clients/sage-banking/errors.js';
import { LimiterSaturated } from '../db/rate-limiter.js';
import { isDatabaseUnavailable } from '../db/unavailable.js';
import { failureTypes, type FailureType } from '../domain/failures.js';

/** The row, claim or deadline that the activity needs is gone: there is nothing left to do here. Never retried. */
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

/** Asked and confirmed: it is our own credentials that Rutter refuses, for every connection. */
export class CredentialsRejected extends Error {
  override readonly name = 'CredentialsRejected';
  constructor(cause: unknown) {
    super('Rutter refuses the credentials of the organisation', { cause });
  }
}

/** What a failure tells besides its type: Rutter's words for programs. The message for people stays in our rows. */
export interface FailureDetail {
  readonly httpStatus?: number;
  readonly errorType?: string;
  readonly errorCode?: string;
  /** To quote to Rutter's support. */
  readonly requestId?: string;
}

/** One line of the table: what a typed error means to a workflow. */
export interface FailureReading {
  readonly type: FailureType;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly detail?: FailureDetail;
}

/** The connection itself is refused until its customer or Rutter acts (contract 12; the codes are documented). */
const connectionRefusedCodes: ReadonlySet<string> = new Set(['NEEDS_UPDATE', 'CONNECTION_DISABLED']);
/** Passes by itself: the initial sync is unfinished (contract 12). */
const passingCodes: ReadonlySet<string> = new Set(['PRODUCT_NOT_READY']);
/** Calls that carry no connection's token: a 401 there can only mean our own credentials. */
const organisationOperations: ReadonlySet<string> = new Set([
  'createConnection',
  'exchangePublicToken',
  'deleteConnection',
  'getJob',
  'getAccountJob',
  'probeCredentials',
]);

/**
 * The one table from errors to failures. Unknown errors are retryable and stand out by their type, so that they are
 * counted and alerted on; an error is never taken for a success.
 */
export function readFailure(error: unknown): FailureReading {
  if (isRutterError(error)) return readRutterError(error);
  if (isSageError(error)) return readSageError(error);
  if (error instanceof Obsolete) return { type: failureTypes.obsolete, retryable: false };
  if (error instanceof ChannelDisabled) {
    return { type: failureTypes.channelDisabled, retryable: true, detail: { errorCode: 'channel_disabled' } };
  }
  if (error instanceof CredentialsRejected)
    return { type: failureTypes.credentialsRejected, retryable: false };
  const name = error instanceof Error ? error.name : '';
  // By name, since its class lives behind a wall: Temporal did not take a message.
  if (name === 'WorkflowsUnavailable') return { type: failureTypes.providerUnavailable, retryable: true };
  if (error instanceof LimiterSaturated) {
    return { type: failureTypes.rateLimited, retryable: true, retryAfterMs: Math.ceil(error.waitMs) };
  }
  if (isDatabaseUnavailable(error)) return { type: failureTypes.databaseUnavailable, retryable: true };
  return { type: failureTypes.unexpected, retryable: true };
}

function readRutterError(error: RutterError): FailureReading {
  switch (error.kind) {
    case 'unreachable':
    case 'outcome_unknown':
      return { type: failureTypes.providerUnavailable, retryable: true, detail: detailOf(error) };
    case 'rate_limited':
      return {
        type: failureTypes.rateLimited,
        retryable: true,
        detail: detailOf(error),
        ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      };
    case 'unauthorized':
      return {
        type: organisationOperations.has(error.operation)
          ? failureTypes.credentialsRejected
          : failureTypes.connectionRefused,
        retryable: false,
        detail: detailOf(error),
      };
    case 'refused':
      return { ...readRefusal(error.errorCode), detail: detailOf(error) };
    case 'unexpected_answer':
      return { type: failureTypes.unexpected, retryable: true, detail: detailOf(error) };
  }
}

/** Calls that are signed with the application's own key, or carry its id alone: a 401 there is about nobody's company. */
const sageApplicationOperations: ReadonlySet<string> = new Set([
  'createOrganisation',
  'requestToken',
  'getCaptcha',
  'listBanks',
  'getBank',
]);

function readSageError(error: SageError): FailureReading {
  const detail = sageDetailOf(error);
  switch (error.kind) {
    case 'unreachable':
    case 'outcome_unknown':
      return { type: failureTypes.providerUnavailable, retryable: true, detail };
    case 'rate_limited': {
      const { retryAfterMs } = error;
      const base = { type: failureTypes.rateLimited, retryable: true, detail };
      return retryAfterMs === undefined ? base : { ...base, retryAfterMs };
    }
    case 'unauthorized':
      return {
        type: sageApplicationOperations.has(error.operation)
          ? failureTypes.credentialsRejected
          : failureTypes.connectionRefused,
        retryable: false,
        detail,
      };
    case 'not_configured':
      return { type: failureTypes.credentialsRejected, retryable: false, detail };
    case 'refused':
    case 'gone':
    case 'foreign_address':
      return { type: failureTypes.refused, retryable: false, detail };
  }
}

function sageDetailOf(error: SageError): FailureDetail {
  const httpStatus = 'httpStatus' in error ? error.httpStatus : undefined;
  const errorCode = 'errorCode' in error ? error.errorCode : null;
  return {
    ...(httpStatus === undefined ? {} : { httpStatus }),
    ...(errorCode === null ? {} : { errorCode }),
  };
}

function readRefusal(errorCode: string | null): { type: FailureType; retryable: boolean } {
  if (errorCode !== null && connectionRefusedCodes.has(errorCode)) {
    return { type: failureTypes.connectionRefused, retryable: false };
  }
  if (errorCode !== null && passingCodes.has(errorCode)) {
    return { type: failureTypes.providerUnavailable, retryable: true };
  }
  return { type: failureTypes.refused, retryable: false };
}

function detailOf(error: RutterError): FailureDetail {
  const refusal = 'errorCode' in error ? error : undefined;
  const httpStatus = 'httpStatus' in error ? error.httpStatus : undefined;
  return {
    ...(httpStatus === undefined ? {} : { httpStatus }),
    ...(refusal?.errorType == null ? {} : { errorType: refusal.errorType }),
    ...(refusal?.errorCode == null ? {} : { errorCode: refusal.errorCode }),
    ...(error.requestId === undefined ? {} : { requestId: error.requestId }),
  };
}

/**
 * The failure that goes to Temporal for an error of an activity. What Temporal itself threw (cancellation, a failure
 * made on purpose) passes unchanged. The cause is left behind: it may hold a URL; the worker's log has it, redacted.
 */
export function toFailure(error: unknown): Error {
  if (error instanceof TemporalFailure || error instanceof CompleteAsyncError) return error;
  const reading = readFailure(error);
  return ApplicationFailure.create({
    // Our own errors' messages hold no secrets; a foreign error's text could quote data, so only its name travels.
    message: isOurs(error) ? error.message : error instanceof Error ? error.name : 'not an error',
    type: reading.type,
    nonRetryable: !reading.retryable,
    ...(reading.retryAfterMs === undefined ? {} : { nextRetryDelay: reading.retryAfterMs }),
    ...(reading.detail === undefined ? {} : { details: [reading.detail] }),
  });
}

function isOurs(error: unknown): error is Error {
  return (
    isRutterError(error) ||
    isSageError(error) ||
    error instanceof Obsolete ||
    error instanceof ChannelDisabled ||
    error instanceof CredentialsRejected ||
    error instanceof LimiterSaturated
  );
}
