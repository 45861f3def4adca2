import { dayMs } from '../limits.js';

/** Limits of one of our reprocess runs (contract 10). */
export const sageReprocessLimits = {
  /** Ids in one call; more is 413 or several calls. */
  idsMax: 10_000,
  /** A run at Sage that has not ended after this is abandoned, and another is begun for the same chunk. */
  chunkRunMaxMs: 15 * 60_000,
  /** Unsuccessful runs at Sage for one chunk after which ours fails. */
  chunkFailuresMax: 3,
  /** Polls come at Sage's period, and never sooner than this part of the time waited, so that they become less frequent. */
  pollsSlowDownBy: 1 / 20,
  /** No further chunk begins after this; what is reprocessed by then stays. */
  runMaxMs: dayMs,
  /** Left-out ids that are kept by name; their count is exact. */
  leftOutListMax: 1_000,
} as const;

/** Why a run failed. What was reprocessed before stays, and all other transactions keep their suggestions. */
export const sageReprocessReasons = [
  /** Sage reported failure in every run that the limit allows. */
  'reprocess_failed_at_sage',
  /** No run that the limit allows ended at Sage. */
  'reprocess_never_ended',
  /** Sage refused the request; the provider message is stored with it. */
  'reprocess_refused',
  /** Sage does not accept our credentials for the company. */
  'reprocess_not_authorised',
  /** Sage gave an address to poll that is not one of its own. */
  'reprocess_foreign_address',
  /** The account was cancelled meanwhile. */
  'reprocess_account_cancelled',
  /** Neither Sage nor our own database answered for hours. */
  'reprocess_no_answer',
  /** It was not done within a day. */
  'reprocess_took_too_long',
] as const;
export type SageReprocessReason = (typeof sageReprocessReasons)[number];

/** When to poll next: at Sage's period, then less and less often, so that a long run costs little. */
export function nextReprocessPollMs(input: { periodMs: number; waitedMs: number }): number {
  return Math.round(Math.max(input.periodMs, input.waitedMs * sageReprocessLimits.pollsSlowDownBy));
}
