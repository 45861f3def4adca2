import type { FeedView } from '../../db/feed-views.js';
import type { ApiDeps } from '../deps.js';
import { requireFeed, wrongState } from '../feed-params.js';
import { Problem } from '../problem.js';

/** A feed that sends postings to Rutter. */
export type RutterFeed = FeedView & { readonly accountId: string };

/** The feed, for an action that only this channel has. @throws {Problem} 404; 409 for a feed of another channel */
export async function requireRutterFeed(
  deps: ApiDeps,
  input: { feedId: string; action: string },
): Promise<RutterFeed> {
  const feed = await requireFeed(deps, input);
  const { accountId } = feed;
  if (accountId === null) throw wrongState(feed, input.action);
  return { ...feed, accountId };
}

/** The feed, for reading its postings and batches. @throws {Problem} 404; 409 for a feed of another channel, which has none */
export async function requireFeedOfPostings(deps: ApiDeps, input: { feedId: string }): Promise<FeedView> {
  const feed = await requireFeed(deps, input);
  if (feed.channel === 'rutter') return feed;
  const transactions = `/v1/sage/accounts/${feed.feedId}/transactions`;
  const detail = `a feed of the channel ${feed.channel} has no postings: its transactions are at ${transactions}`;
  throw new Problem({ status: 409, code: 'other_channel', detail, extra: { transactions } });
}
