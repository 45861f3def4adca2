import {
  credentialsRejectedReason,
  providerUnavailableReason,
  unexpectedReason,
  unreachable,
  type FeedAction,
  type FeedFacts,
  type FeedState,
  type OperatorAction,
} from '../feed.js';

/** What a feed that is published through Rutter may do, and why it is not sending. */

/**
 * Why a feed whose facts allow sending is blocked: a person must act, and `resume` or `sync` tries again. The runbook
 * has an entry for each.
 */
export const blockReasons = [
  'rejected_by_provider',
  'conflict_with_provider',
  'job_lost',
  'job_running_too_long',
  'read_back_too_long',
  'answer_incomplete',
  'attempts_exhausted',
] as const;
export type BlockReason = (typeof blockReasons)[number];

/** A batch of another feed of the connection is blocked, and nothing may be sent before it is completed. */
export const otherFeedBlockedReason = 'waiting_for_another_feed';

/** Reasons that are retried without an operator; each is stored in the row until the next success. */
export const transientReasons = [
  providerUnavailableReason,
  credentialsRejectedReason,
  otherFeedBlockedReason,
  unexpectedReason,
] as const;
export type FeedReason = BlockReason | (typeof transientReasons)[number];

/** Whether the reason in a feed's row keeps it from sending until a person asks for another try. */
export function isBlocked(reason: string | null): reason is BlockReason {
  return blockReasons.some((known) => known === reason);
}

/** The states in which delivery runs send, or retry: those of a feed that may send. */
export const sendingStates: readonly FeedState[] = ['backfilling', 'syncing', 'live'];

/** Whether the facts allow a batch to be built and sent now. */
export function maySend(facts: FeedFacts): boolean {
  return (
    facts.operator === 'running' &&
    facts.connection !== 'refused' &&
    facts.account === 'active' &&
    facts.published
  );
}

/** The actions that may be asked of the workflow now; the API answers any other with 409 and this list. */
export function allowedActions(facts: FeedFacts): OperatorAction[] {
  switch (facts.operator) {
    case 'running':
      return ['pause', 'resume', 'sync', 'close'];
    case 'paused':
      return ['pause', 'resume', 'close'];
    case 'closed':
      return ['close'];
    default:
      return unreachable(facts.operator);
  }
}

/** Whether deliveries can be compared with Rutter's list: Rutter answers it for an active account only. */
export function mayResync(facts: FeedFacts): boolean {
  return (
    facts.operator !== 'closed' &&
    facts.connection !== 'refused' &&
    facts.account === 'active' &&
    facts.published
  );
}

/**
 * The feed actions allowed now. `hasJob`: the feed's open batch has a job at Rutter. It may be abandoned in every
 * state, also in that of a closed feed, since nothing else of the connection is sent until the job ends.
 * `hasUndecidedBatch`: its open batch is on a connection that was unlinked; there is no job to wait for any more.
 */
export function allowedFeedActions(feed: {
  readonly facts: FeedFacts;
  readonly hasJob: boolean;
  readonly hasUndecidedBatch: boolean;
}): FeedAction[] {
  const actions: FeedAction[] = allowedActions(feed.facts);
  if (mayResync(feed.facts)) actions.push('resync');
  if (feed.hasUndecidedBatch) actions.push('resolve-batch');
  else if (feed.hasJob) actions.push('abandon-job');
  return actions;
}
