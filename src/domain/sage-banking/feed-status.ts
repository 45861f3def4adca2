import { feedState } from '../feed.js';
import { feedStatus, type FeedStatus, type StoredReason } from '../feed-status.js';
import { sageBankingChannel } from './channel.js';
import { sageFeedFacts, type SageAccountStatus } from './states.js';

/** The status of an account at Sage as the feed that it is, from its row. */
export function sageFeedStatus(account: StoredReason & { readonly status: SageAccountStatus }): FeedStatus {
  return feedStatus(sageBankingChannel, { ...account, state: feedState(sageFeedFacts(account.status)) });
}
