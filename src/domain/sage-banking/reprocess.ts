import { dayMs } from '../limits.js';

/** What a reprocess run of ours is bounded by (contract 10). */
export const sageReprocessLimits = {
  /** Ids in one call; more is 413 or several calls. */
  idsMax: 10_000,
  /** A run at Sage that has not ended after this is given up, and another is begun for the same chunk. */
  chunkRunMaxMs: 15 * 60_000,
  /** Runs at Sage for one chunk that may come to nothing before ours fails. */
  chunkFailuresMax: 3,
  /** Polls go on at Sage's period for so long, then ever more slowly: never sooner than this part of the time waited. */
  pollsSlowDownBy: 1 / 20,
  /** No further chunk begins after this; what is reprocessed by then stays. */
  runMaxMs: dayMs,
  /** Left-out ids that are kept by name; their count is exact. */
  leftOutListMax: 1_000,
} as const;

/** Why a run failed. What was reprocessed before stays, and all else keeps the suggestions that it had. */
export const sageReprocessReasons = [
  /** Sage said, as often as may be, that it could not reprocess. */
  'reprocess_failed_at_sage',
  /** Sage's runs did not end, as often as may be. */
  'reprocess_never_ended',
  /** Sage refused the request, in the words that stand beside. */
  'reprocess_refused',
  /** Sage does not accept our credentials for the company. */
  'reprocess_not_authorised',
  /** Sage gave an address to poll that is not one of its own. */
  'reprocess_foreign_address',
  /** The account was cancelled meanwhile. */
  'reprocess_account_cancelled',
  /** Neither Sage nor our own parts answered for hours. */
  'reprocess_no_answer',
  /** It was not done within a day. */
  'reprocess_took_too_long',
] as const;
export type SageReprocessReason = (typeof sageReprocessReasons)[number];

/** When to poll next: at Sage's period, then ever more slowly, so that a long run costs little. */
export function nextReprocessPollMs(input: { periodMs: number; waitedMs: number }): number {
  return Math.round(Math.max(input.periodMs, input.waitedMs * sageReprocessLimits.pollsSlowDownBy));
}
