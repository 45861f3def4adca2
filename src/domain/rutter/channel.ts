import type { Channel } from '../channel.js';
import { feedStates } from '../feed.js';
import { allowedFeedActions, blockReasons, isBlocked, sendingStates, transientReasons } from './feed.js';

/** The channel that publishes the bank's accounts as bank feeds through Rutter. */
export const rutterChannel: Channel = {
  id: 'rutter',
  displayName: 'Rutter',
  allowedFeedActions,
  reasons: [...blockReasons, ...transientReasons],
  isBlocked,
  retryingStates: sendingStates,
  // The state is derived from three facts and stored with them.
  statusesShownAs: (state) => feedStates.filter((known) => known === state),
};
