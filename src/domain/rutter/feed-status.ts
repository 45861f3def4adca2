import type { FeedState } from '../feed.js';
import { feedStatus, type FeedStatus, type StoredReason } from '../feed-status.js';
import { rutterChannel } from './channel.js';

/** The status of a feed of Rutter, from its row; the state is derived from the facts when these are written. */
export function rutterFeedStatus(feed: StoredReason & { readonly state: FeedState }): FeedStatus {
  return feedStatus(rutterChannel, feed);
}
