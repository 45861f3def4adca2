import type { FeedFacts } from '../feed.js';

/** States on the channel of Sage's Banking Service. Words of the provider are kept as they are, camel case included. */

/** Sage's word for an account (contract 6.4). `cancelled` is final: a reconnected account is a new one. */
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

export type SageLinkPurpose = 'link' | 'direct' | 'reauthorise';

export type SageReprocessState = 'running' | 'done' | 'failed';

/**
 * The facts of a feed on this channel, so that both channels show one captcha: pending is awaiting_activation, active is
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
