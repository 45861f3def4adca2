import { z } from 'zod';
import { dbChannels } from '../db/channels.js';
import { readFeedView, type FeedView } from '../db/feed-views.js';
import { channels } from '../domain/channels.js';
import type { FeedAction } from '../domain/feed.js';
import type { ApiDeps } from './deps.js';
import { cursorKey, pageSize, uuid } from './fields.js';
import { Problem, invalid, notFound } from './problem.js';

/** Path parameters of the routes below one feed. */
export const feedParams = z.strictObject({ feed_id: uuid });

/** The feed. @throws {Problem} 404 */
export async function requireFeed(deps: ApiDeps, input: { feedId: string }): Promise<FeedView> {
  const feed = await readFeedView(deps.pool, dbChannels, input);
  if (feed === null) throw notFound('feed');
  return feed;
}

/** The actions that the feed allows now, on its channel. */
export function allowedActionsOf(feed: FeedView): FeedAction[] {
  return channels[feed.channel].allowedFeedActions(feed);
}

/** Checks that the feed allows `action` now. @throws {Problem} 409 with the state and the allowed actions */
export function requireAllowed(feed: FeedView, action: FeedAction): void {
  if (!allowedActionsOf(feed).includes(action)) throw wrongState(feed, action);
}

/** A 409 with the state of the feed and the actions that it allows; `because`: what else than the state forbids it. */
export function wrongState(feed: FeedView, action: string, because?: string): Problem {
  return new Problem({
    status: 409,
    code: 'wrong_state',
    detail: because ?? `a feed in the state ${feed.state} does not allow ${action}`,
    extra: { state: feed.state, reason: feed.reason, allowed_actions: allowedActionsOf(feed) },
  });
}

/** Numbers that fit a bigint. */
const numberForm = /^\d{1,18}$/;

/** The page of a list in descending order: the number to continue before, and the row limit. @throws {Problem} 400 for a cursor of another list */
export function numberedPage(query: { cursor?: string | undefined; limit?: number | undefined }): {
  before: string | undefined;
  limit: number;
} {
  const before = cursorKey(query.cursor, numberForm);
  if (before === null) {
    const message = 'is not a cursor of this list';
    throw invalid({ status: 400, code: 'invalid_query', errors: [{ pointer: '/cursor', message }] });
  }
  return { before, limit: pageSize(query.limit) };
}
