/**
 * The life of a feed on either channel: three facts, and the one state that is shown, derived from them.
 * `operator` is what the bank's operators asked for, `connection` is what the provider says of the customer's
 * connection, `account` is what Sage says of the account. They are kept apart so that a recovered connection never
 * resumes a paused feed, and resuming never hides a refusal. What a channel decides for its feeds is in its folder.
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

/** Reasons of both channels, all of them retried without an operator; the next success clears them. */
export const providerUnavailableReason = 'provider_unavailable';
/** The provider refuses the bank's own credentials, for every customer: no feed and no customer is at fault. */
export const credentialsRejectedReason = 'credentials_rejected';
/** An error that should not exist. It is retried, and an operator should read the worker's log. */
export const unexpectedReason = 'unexpected_failure';

export interface FeedFacts {
  readonly operator: OperatorFact;
  readonly connection: ConnectionFact;
  readonly account: AccountFact;
  /** True once the provider has answered the publication with its account id. */
  readonly published: boolean;
  /** True once the first catch-up since activation is done. */
  readonly caughtUp: boolean;
  /** True while a delivery run is under way. */
  readonly syncing: boolean;
}

/**
 * The state that is shown: closed, then paused, reauth_required, disconnected, awaiting_activation, and then
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

/** What an operator may ask of a feed's workflow. */
export type OperatorAction = 'pause' | 'resume' | 'sync' | 'close';

/** Every action on a feed, on whichever channel: those of its workflow, and those on its rows. */
export const feedActions = [
  'pause',
  'resume',
  'sync',
  'close',
  'resync',
  'abandon-job',
  'resolve-batch',
] as const;
export type FeedAction = (typeof feedActions)[number];

/** The compiler's proof that a switch is exhaustive. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value: ${String(value)}`);
}

/** What closed a feed: a request of an operator or the customer, the closing of its account, or the end of its connection. */
export const feedClosers = ['request', 'account', 'connection'] as const;
export type ClosedBy = (typeof feedClosers)[number];

/** Whether Sage has taken what was delivered to its provider; `unknown` where the provider does not say. */
export const takenStatuses = ['taken', 'waiting', 'unknown'] as const;
export type TakenStatus = (typeof takenStatuses)[number];
