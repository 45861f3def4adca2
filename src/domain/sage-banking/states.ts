import { feedState, type FeedAction, type FeedFacts, type FeedState } from '../feed.js';

/** States on the channel of Sage's Banking Service. Sage's own terms are kept as they are, camel case included. */

/** Sage's status of an account (contract 6.4). `cancelled` is final: a reconnected account is a new one. */
export const sageAccountStatuses = ['pending', 'active', 'authRequired', 'cancelled'] as const;
export type SageAccountStatus = (typeof sageAccountStatuses)[number];

export const sageOnboardingStates = [
  'registering',
  'waiting_captcha',
  'creating',
  'ready',
  'refused',
  'in_doubt',
] as const;
export type SageOnboardingState = (typeof sageOnboardingStates)[number];

export const sageLinkStates = ['waiting', 'linked', 'refused', 'expired'] as const;
export type SageLinkState = (typeof sageLinkStates)[number];

export const sageLinkPurposes = ['link', 'direct', 'reauthorise', 'candidate'] as const;
export type SageLinkPurpose = (typeof sageLinkPurposes)[number];

export type SageReprocessState = 'running' | 'done' | 'failed';

/**
 * The facts of a feed on this channel, so that both channels show the same states: pending is awaiting_activation, active is
 * live, authRequired is reauth_required, cancelled is closed.
 */
export function sageFeedFacts(status: SageAccountStatus): FeedFacts {
  return {
    operator: status === 'cancelled' ? 'closed' : 'running',
    connection: status === 'authRequired' ? 'refused' : 'ok',
    account: status === 'pending' ? 'waiting' : 'active',
    published: true,
    caughtUp: true,
    syncing: false,
  };
}

/** The statuses of Sage that are shown as this state. */
export function sageStatusesShownAs(state: FeedState): SageAccountStatus[] {
  return sageAccountStatuses.filter((status) => feedState(sageFeedFacts(status)) === state);
}

/** The feed actions allowed on this channel: transactions are only read, so there is nothing to pause. */
export function allowedSageActions(facts: FeedFacts): FeedAction[] {
  return facts.operator === 'closed' ? ['close'] : ['sync', 'close'];
}
