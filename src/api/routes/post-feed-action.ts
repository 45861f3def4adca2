import { z } from 'zod';
import type { FeedView } from '../../db/feed-views.js';
import { channels as domainChannels } from '../../domain/channels.js';
import type { OperatorAction } from '../../domain/feed.js';
import type { ApiChannels } from '../channel.js';
import { defineRoute, type AnyRoute, type RouteAnswer } from '../define-route.js';
import type { ApiDeps } from '../deps.js';
import { countedFeedJson, countedFeedSchema } from '../feed-json.js';
import { feedParams, requireAllowed, requireFeed } from '../feed-params.js';
import { nothing } from '../fields.js';
import { pollRow } from '../poll-row.js';

/** The longest that a call waits for the feed's row to show the requested action as done. */
const shownWithinMs = 5_000;

/** Routes for pause, resume, sync and close: they request it of the workflow, and the feed's row shows when it is done. */
export function feedActionRoutes(channels: ApiChannels): AnyRoute[] {
  return [
    feedActionRoute(channels, 'pause', 'Stop sending; postings are kept. A batch in flight is completed.'),
    feedActionRoute(channels, 'resume', 'Send again; a blocked feed tries again.'),
    feedActionRoute(channels, 'sync', 'Check and send now, without waiting for the next due time.'),
    feedActionRoute(
      channels,
      'close',
      'Stop for good. Sharing the account again on the same connection reopens the feed.',
    ),
  ];
}

function feedActionRoute(channels: ApiChannels, action: OperatorAction, summary: string): AnyRoute {
  const feedSchema = countedFeedSchema(channels);
  const requestedSchema = feedSchema
    .extend({ requested: z.enum(['pause', 'resume', 'sync', 'close']) })
    .meta({ id: 'FeedRequested' });
  return defineRoute({
    method: 'post',
    path: `/v1/feeds/{feed_id}/${action}`,
    roles: ['ops'],
    resource: 'feed',
    summary,
    description:
      "Repeating the request has no further effect. 409 with `state` and `allowed_actions` when the feed's state does not allow it.",
    params: feedParams,
    query: nothing,
    answers: {
      200: { description: 'Done: the feed shows it', schema: feedSchema },
      202: { description: `Requested; not shown within ${shownWithinMs} ms`, schema: requestedSchema },
    },
    handle: ({ deps, params }) => requestAction({ deps, channels, feedId: params.feed_id, action }),
  });
}

async function requestAction(input: {
  deps: ApiDeps;
  channels: ApiChannels;
  feedId: string;
  action: OperatorAction;
}): Promise<RouteAnswer> {
  const { deps, channels, feedId, action } = input;
  const before = await requireFeed(deps, { feedId });
  requireAllowed(before, action);
  const channel = channels[before.channel];
  if (channel.notConfigured !== null) throw channel.notConfigured;
  // A signal would start a workflow for a closed feed, so none is sent to one.
  if (before.facts.operator === 'closed')
    return { status: 200, body: await countedFeedJson(deps.pool, channels, before) };
  await channel.requestFeedAction(deps, { feedId, action });
  const after = await pollRow({
    read: () => requireFeed(deps, before),
    done: (feed) => shows(feed, action, before),
    timeoutMs: shownWithinMs,
  });
  const body = await countedFeedJson(deps.pool, channels, after);
  return shows(after, action, before)
    ? { status: 200, body }
    : { status: 202, body: { ...body, requested: action } };
}

function shows(feed: FeedView, action: OperatorAction, before: FeedView): boolean {
  switch (action) {
    case 'pause':
      return feed.facts.operator === 'paused';
    case 'resume':
      return feed.facts.operator === 'running' && !domainChannels[feed.channel].isBlocked(feed.reason);
    case 'sync':
      return feed.lastSyncedAt !== before.lastSyncedAt;
    case 'close':
      return feed.facts.operator === 'closed';
    default:
      return action satisfies never;
  }
}
