import { z } from 'zod';
import { dbChannels } from '../db/channels.js';
import { readFeedView, type FeedView } from '../db/feed-views.js';
import { channels } from '../domain/channels.js';
import type { FeedAction } from '../domain/feed.js';
import type { ApiDeps } from './deps.js';
import { cursorKey, pageSize, uuid } from './fields.js';
import { Problem, invalid, notFound } from './problem.js';

/** Path parameters of everything below one feed. */
export const feedParams = z.strictObject({ feed_id: uuid });

/** The feed. @throws {Problem} 404 */
export async function requireFeed(deps: ApiDeps, input: { feedId: string }): Promise<FeedView> {
  const feed = await readFeedView(deps.pool, dbChannels, input);
  if (feed === null) throw notFound('feed');
  return feed;
}

/** What the feed may be asked for now, on its channel. */
export function allowedActionsOf(feed: FeedView): FeedAction[] {
  return channels[feed.channel].allowedFeedActions(feed);
}

/** A feed that sends postings to Rutter. */
export type RutterFeed = FeedView & { readonly accountId: string };

/** The feed, for what only one that sends postings can be asked. @throws {Problem} 404; 409 for one of the other channel */
export async function requireRutterFeed(
  deps: ApiDeps,
  input: { feedId: string; action: string },
): Promise<RutterFeed> {
  const feed = await requireFeed(deps, input);
  const { accountId } = feed;
  if (accountId === null) throw wrongState(feed, input.action);
  return { ...feed, accountId };
}

/** The feed, for reading its postings and batches. @throws {Problem} 404; 409 for one of the other channel, which has none */
export async function requireFeedOfPostings(deps: ApiDeps, input: { feedId: string }): Promise<FeedView> {
  const feed = await requireFeed(deps, input);
  if (feed.channel !== 'sage-banking') return feed;
  const transactions = `/v1/sage/accounts/${feed.feedId}/transactions`;
  const detail = `a feed of Sage's Banking Service has no postings: what it received is at ${transactions}`;
  throw new Problem({ status: 409, code: 'other_channel', detail, extra: { transactions } });
}

/** Whether the feed may be asked for `action` now. @throws {Problem} 409 with the state and what is allowed */
export function requireAllowed(feed: FeedView, action: FeedAction): void {
  if (!allowedActionsOf(feed).includes(action)) throw wrongState(feed, action);
}

/** A 409 that says what the feed is and what it may be asked for. */
export function wrongState(feed: FeedView, action: string): Problem {
  return new Problem({
    status: 409,
    code: 'wrong_state',
    detail: `a feed that is ${feed.state} cannot be asked to ${action}`,
    extra: { state: feed.state, reason: feed.reason, allowed_actions: allowedActionsOf(feed) },
  });
}

/** Positive numbers that fit a bigint. */
const numberForm = /^\d{1,18}$/;

/** Where a list that counts downwards goes on, and how many rows. @throws {Problem} 400 for a foreign cursor */
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
