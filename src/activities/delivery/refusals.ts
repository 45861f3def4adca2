import type { RutterErrorBody } from '../../clients/rutter/errors.js';

/**
 * What a refusal of a batch means, by Rutter's type and code first and by status second, never by its message.
 * Codes marked as assumed are not documented; they stand here once.
 */
export type RefusalMeaning =
  /** Another batch is in flight on the lane: ours, most likely. Same key, later. */
  | 'in_progress'
  /** The account is not linked (any more), or the connection's first sync is not done. */
  | 'account_not_ready'
  /** The connection must be re-authorised or was disabled. */
  | 'connection_refused'
  /** The key is known with other bytes although our stored hash matches. */
  | 'key_conflict'
  /** Sage or Rutter will not have these postings. */
  | 'postings_refused';

/** Assumed codes (contract 8.4). */
const inProgressCode = 'BANK_FEED_BATCH_IN_PROGRESS';
const accountNotReadyCode = 'BANK_FEED_ACCOUNT_NOT_READY';
/** Documented types and codes (contract 12). */
const productNotReadyCode = 'PRODUCT_NOT_READY';
const connectionRefusedCodes = new Set(['NEEDS_UPDATE', 'CONNECTION_DISABLED']);

export function meaningOfRefusal(error: RutterErrorBody & { readonly httpStatus: number }): RefusalMeaning {
  const code = error.errorCode ?? '';
  if (code === inProgressCode) return 'in_progress';
  if (code === accountNotReadyCode || code === productNotReadyCode) return 'account_not_ready';
  if (connectionRefusedCodes.has(code)) return 'connection_refused';
  if (error.httpStatus === 409) return 'key_conflict';
  return 'postings_refused';
}

/** Statuses that say "not now" of a finished job: nothing was synced and the same bytes may go under a new key. */
const rateLimitStatuses = new Set([429, 452]);

export type JobFailureMeaning = 'rate_limited' | 'refused' | 'in_doubt';

/** A job that failed with a 4xx has synced nothing; with a 5xx, or without a status, that is not known (contract 9). */
export function meaningOfJobFailure(httpStatus: number | null): JobFailureMeaning {
  if (httpStatus === null || httpStatus >= 500) return 'in_doubt';
  return rateLimitStatuses.has(httpStatus) ? 'rate_limited' : 'refused';
}
