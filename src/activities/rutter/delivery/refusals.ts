import { isRateLimit, type RutterErrorBody } from '../../../clients/rutter/errors.js';
import {
  invalidCredentialsCode,
  platformRateLimitCode,
  productNotAllowedCode,
  rateLimitCode,
  unauthorizedStatuses,
} from '../../../clients/rutter/assumptions.js';

/**
 * What a refusal of a batch means, by Rutter's type and code first and by status second, never by its message.
 * Codes marked as assumed are not documented and are named only here.
 */
export type RefusalMeaning =
  /** Another batch of the connection is in flight, most likely ours. Same key, later. */
  | 'in_progress'
  /** The account is not linked (any more), or the connection's first sync is not done. */
  | 'account_not_ready'
  /** The connection must be authorized again or was disabled. */
  | 'connection_refused'
  /** The key is known with other bytes although our stored hash matches. */
  | 'key_conflict'
  /** Sage or Rutter refuses these postings, unless account, connection or an earlier job explain it. */
  | 'postings_refused'
  /** The request was refused for something that no posting can cause. */
  | 'request_refused';

/** A refusal as an answer or a failed job carries it. */
export type ProviderRefusal = RutterErrorBody & { readonly httpStatus: number };

/** Assumed codes (contract 8.4). */
const inProgressCode = 'BANK_FEED_BATCH_IN_PROGRESS';
const accountNotReadyCode = 'BANK_FEED_ACCOUNT_NOT_READY';
/** Documented types and codes (contract 12). */
const productNotReadyCode = 'PRODUCT_NOT_READY';
const connectionRefusedCodes = new Set(['NEEDS_UPDATE', 'CONNECTION_DISABLED', invalidCredentialsCode]);
const connectionErrorType = 'CONNECTION_ERROR';
/**
 * "Invalid input" and "the platform answered bad request" (contract 12) can concern a posting; 413 concerns a batch
 * that is too large, and smaller ones may pass (the bound is an assumption, contract 8.2).
 */
const postingStatuses = new Set([400, 413, 450]);

export function meaningOfRefusal(error: ProviderRefusal): RefusalMeaning {
  const { httpStatus } = error;
  const code = error.errorCode ?? '';
  if (code === inProgressCode) return 'in_progress';
  if (code === accountNotReadyCode || code === productNotReadyCode) return 'account_not_ready';
  if (connectionRefusedCodes.has(code)) return 'connection_refused';
  if (unauthorizedStatuses.includes(httpStatus) && code !== productNotAllowedCode) {
    return 'connection_refused';
  }
  if (httpStatus === 409) return 'key_conflict';
  const ofConnection = error.errorType === connectionErrorType || code.startsWith('CONNECTION_');
  return postingStatuses.has(httpStatus) && !ofConnection ? 'postings_refused' : 'request_refused';
}

/** A refusal as one line for operators: status, code and provider message, which the client redacts and truncates. */
export function refusalMessageOf(refusal: ProviderRefusal): string {
  return [String(refusal.httpStatus), refusal.errorCode, refusal.errorMessage].filter(Boolean).join(' ');
}

/** Codes of a rate limit in a finished job: nothing was synced, and the bytes may be sent under a new key. */
const rateLimitCodes = new Set([rateLimitCode, platformRateLimitCode]);
/** The outcome of a request that timed out on the way is unknown. */
const requestTimeoutStatus = 408;

export type JobFailureMeaning = 'rate_limited' | 'refused' | 'in_doubt';

/** A job that failed with a 4xx has synced nothing; with a 5xx, or without a status, that is not known (contract 9). */
export function meaningOfJobFailure(httpStatus: number | null, errorCode: string | null): JobFailureMeaning {
  if (httpStatus === null || httpStatus < 400 || httpStatus >= 500) return 'in_doubt';
  if (httpStatus === requestTimeoutStatus) return 'in_doubt';
  const limited = isRateLimit(httpStatus) || rateLimitCodes.has(errorCode ?? '');
  return limited ? 'rate_limited' : 'refused';
}
