import type { FeedState } from '../feed.js';
import { feedStatus, type FeedStatus, type ReportedStatus, type StoredReason } from '../feed-status.js';
import { rutterChannel } from './channel.js';

/** The status of a feed of Rutter, from its row; the state is derived from the facts when these are written. */
export function rutterFeedStatus(feed: StoredReason & { readonly state: FeedState }): FeedStatus {
  return feedStatus(rutterChannel, feed);
}

/** The same, as it is reported to the workflow of the feed. */
export function reportedStatus(
  feed: StoredReason & { readonly state: FeedState; readonly customerId: string },
): ReportedStatus {
  return { ...rutterFeedStatus(feed), customerId: feed.customerId };
}
