import type { Channel } from '../channel.js';
import { isBlockedAtSage, sageAccountReasons } from './account-limits.js';
import { allowedSageActions, sageStatusesShownAs } from './states.js';

/** The channel that consumes accounts and transactions of other banks from Sage's Banking Service. */
export const sageBankingChannel: Channel = {
  id: 'sage-banking',
  displayName: "Sage's Banking Service",
  allowedFeedActions: ({ facts }) => allowedSageActions(facts),
  reasons: sageAccountReasons,
  isBlocked: isBlockedAtSage,
  // The account is read until it is cancelled, whatever it waits for.
  retryingStates: ['awaiting_activation', 'reauth_required', 'live'],
  statusesShownAs: sageStatusesShownAs,
};
