/**
 * The life of a feed: three facts and the one state that people see, derived from them.
 * `operator` is what the bank's people asked for, `connection` is what Rutter says of the customer's tie,
 * `account` is what Sage says of the account. Kept apart, a healed connection never un-pauses a feed and
 * resuming never hides a refusal.
 */

export type OperatorFact = 'running' | 'paused' | 'closed';
export type ConnectionFact = 'ok' | 'refused' | 'unavailable';
export type AccountFact = 'waiting' | 'active' | 'inactive';

export const feedStates = [
  'created',
  'awaiting_activation',
  'backfilling',
  'syncing',
  'live',
  'paused',
  'reauth_required',
  'disconnected',
  'closed',
] as const;
export type FeedState = (typeof feedStates)[number];

/**
 * Why a feed that its three facts would let go on is not sending: a person must look, and `resume` or `sync` tries
 * again. The runbook has an entry for each.
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

/** Passing failures that retry by themselves; they stand in the row until the next success. */
export const providerUnavailableReason = 'provider_unavailable';
/** A batch of another feed of the connection is blocked, and nothing may be sent past it. */
export const otherFeedBlockedReason = 'waiting_for_another_feed';
/** An error that should not exist: it is tried again, and somebody should read the worker's log. */
export const unexpectedReason = 'unexpected_failure';
/** Rutter refuses the bank's own credentials, for everybody: no feed and no customer is at fault. */
export const credentialsRejectedReason = 'credentials_rejected';
export const passingReasons = [
  providerUnavailableReason,
  credentialsRejectedReason,
  otherFeedBlockedReason,
  unexpectedReason,
] as const;

/** Whether the reason in a feed's row keeps it from sending until somebody asks for another try. */
export function isBlocked(reason: string | null): reason is BlockReason {
  return blockReasons.some((known) => known === reason);
}

export interface FeedFacts {
  readonly operator: OperatorFact;
  readonly connection: ConnectionFact;
  readonly account: AccountFact;
  /** True once Rutter has answered the publication with its account id. */
  readonly published: boolean;
  /** True once the first catch-up since activation is done. */
  readonly caughtUp: boolean;
  /** True while a delivery run is under way. */
  readonly syncing: boolean;
}

/**
 * The state people see: closed, then paused, reauth_required, disconnected, awaiting_activation, and then
 * backfilling, syncing or live; `created` before the account is published.
 */
export function feedState(facts: FeedFacts): FeedState {
  if (facts.operator === 'closed') return 'closed';
  if (facts.operator === 'paused') return 'paused';
  if (facts.connection === 'refused') return 'reauth_required';
  if (facts.account === 'inactive') return 'disconnected';
  if (!facts.published) return 'created';
  if (facts.account === 'waiting') return 'awaiting_activation';
  if (!facts.caughtUp) return 'backfilling';
  return facts.syncing ? 'syncing' : 'live';
}

/** Whether the facts allow a batch to be built and sent now. */
export function maySend(facts: FeedFacts): boolean {
  return (
    facts.operator === 'running' &&
    facts.connection !== 'refused' &&
    facts.account === 'active' &&
    facts.published
  );
}

export type OperatorAction = 'pause' | 'resume' | 'sync' | 'close';

/** The actions a person may ask for in a state; any other is answered 409 with this list. */
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

/** All that a person may ask of a feed: what its workflow does, and what is done to its rows. */
export const feedActions = ['pause', 'resume', 'sync', 'close', 'resync', 'abandon-job'] as const;
export type FeedAction = (typeof feedActions)[number];

/** Whether what was delivered can be compared with Rutter's list: it answers for an active account only. */
export function mayResync(facts: FeedFacts): boolean {
  return (
    facts.operator !== 'closed' &&
    facts.connection !== 'refused' &&
    facts.account === 'active' &&
    facts.published
  );
}

/**
 * The feed actions allowed now. `hasJob`: the feed's open batch has a job at Rutter, which may be abandoned in every
 * state, a closed feed's too, since nothing of the connection is sent past it.
 */
export function allowedFeedActions(feed: { facts: FeedFacts; hasJob: boolean }): FeedAction[] {
  const { facts, hasJob } = feed;
  return [
    ...allowedActions(facts),
    ...(mayResync(facts) ? (['resync'] as const) : []),
    ...(hasJob ? (['abandon-job'] as const) : []),
  ];
}

/** The feed actions allowed on the channel of Sage's Banking Service: what is read there is not sent anywhere by us. */
export function allowedSageActions(facts: FeedFacts): FeedAction[] {
  return facts.operator === 'closed' ? ['close'] : ['sync', 'close'];
}

/** The compiler's proof that a switch is exhaustive. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value: ${String(value)}`);
}
