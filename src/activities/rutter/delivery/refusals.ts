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
 * Codes marked as assumed are not documented; they stand here once.
 */
export type RefusalMeaning =
  /** Another batch is in flight on the delivery lock: ours, most likely. Same key, later. */
  | 'in_progress'
  /** The account is not linked (any more), or the connection's first sync is not done. */
  | 'account_not_ready'
  /** The connection must be re-authorised or was disabled. */
  | 'connection_refused'
  /** The key is known with other bytes although our stored hash matches. */
  | 'key_conflict'
  /** Sage or Rutter will not have these postings, unless account, connection or an earlier job explain it. */
  | 'postings_refused'
  /** The request was refused for something that no posting can cause. */
  | 'request_refused';

export type RefusalWords = RutterErrorBody & { readonly httpStatus: number };

/** Assumed codes (contract 8.4). */
const inProgressCode = 'BANK_FEED_BATCH_IN_PROGRESS';
const accountNotReadyCode = 'BANK_FEED_ACCOUNT_NOT_READY';
/** Documented types and codes (contract 12). */
const productNotReadyCode = 'PRODUCT_NOT_READY';
const connectionRefusedCodes = new Set(['NEEDS_UPDATE', 'CONNECTION_DISABLED', invalidCredentialsCode]);
const connectionErrorType = 'CONNECTION_ERROR';
/**
 * "Invalid input" and "the platform answered bad request" (contract 12) can speak of a posting; 413 does of a batch that
 * is too large, and smaller ones may pass (the bound is an assumption, contract 8.2).
 */
const postingStatuses = new Set([400, 413, 450]);

export function meaningOfRefusal(error: RefusalWords): RefusalMeaning {
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

/** Rutter's own words for people: status and code first, then its message, which the client has redacted and cut. */
export function wordsOf(refusal: RefusalWords): string {
  return [String(refusal.httpStatus), refusal.errorCode, refusal.errorMessage].filter(Boolean).join(' ');
}

/** They say "not now" of a finished job, as the statuses do: nothing was synced, and the bytes may go under a new key. */
const rateLimitCodes = new Set([rateLimitCode, platformRateLimitCode]);
/** Nobody knows what became of a request that timed out on the way. */
const requestTimeoutStatus = 408;

export type JobFailureMeaning = 'rate_limited' | 'refused' | 'in_doubt';

/** A job that failed with a 4xx has synced nothing; with a 5xx, or without a status, that is not known (contract 9). */
export function meaningOfJobFailure(httpStatus: number | null, errorCode: string | null): JobFailureMeaning {
  if (httpStatus === null || httpStatus < 400 || httpStatus >= 500) return 'in_doubt';
  if (httpStatus === requestTimeoutStatus) return 'in_doubt';
  const limited = isRateLimit(httpStatus) || rateLimitCodes.has(errorCode ?? '');
  return limited ? 'rate_limited' : 'refused';
}
