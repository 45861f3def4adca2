import { z } from 'zod';
import type { FeedView } from '../../db/feed-views.js';
import { requestSageCancellation } from '../../db/sage-banking/account-life.js';
import type { OperatorAction } from '../../domain/feed.js';
import { channels } from '../../domain/channels.js';
import { defineRoute, type RouteAnswer } from '../define-route.js';
import type { ApiDeps } from '../deps.js';
import { countedFeedJson, countedFeedSchema } from '../feed-json.js';
import { feedParams, requireAllowed, requireFeed } from '../feed-params.js';
import { nothing } from '../fields.js';
import { pollRow } from '../poll-row.js';
import { requireSage } from '../sage-banking/require-channel.js';

/** So long a call waits for the row to show what was asked for. */
const shownWithinMs = 5_000;

const requestedSchema = countedFeedSchema
  .extend({ requested: z.enum(['pause', 'resume', 'sync', 'close']) })
  .meta({ id: 'FeedRequested' });

/** Routes for pause, resume, sync and close: the workflow is asked, and the feed's row shows when it was done. */
export const feedActionRoutes = [
  feedActionRoute('pause', 'Stop sending; postings are kept. A batch under way is finished.'),
  feedActionRoute('resume', 'Send again; a blocked feed tries again.'),
  feedActionRoute('sync', 'Look and send now, without waiting for the next due time.'),
  feedActionRoute(
    'close',
    'Stop for good. Sharing the account again on the same connection reopens the feed.',
  ),
];

function feedActionRoute(action: OperatorAction, summary: string) {
  return defineRoute({
    method: 'post',
    path: `/v1/feeds/{feed_id}/${action}`,
    roles: ['ops'],
    resource: 'feed',
    summary,
    description: `Asking twice is asking once. 409 with \`state\` and \`allowed_actions\` when the feed's state does not allow it.`,
    params: feedParams,
    query: nothing,
    answers: {
      200: { description: 'Done: the feed shows it', schema: countedFeedSchema },
      202: { description: `Asked for; not shown within ${shownWithinMs} ms`, schema: requestedSchema },
    },
    handle: ({ deps, params }) => ask(deps, { feedId: params.feed_id, action }),
  });
}

async function ask(deps: ApiDeps, input: { feedId: string; action: OperatorAction }): Promise<RouteAnswer> {
  const { feedId, action } = input;
  const before = await requireFeed(deps, { feedId });
  requireAllowed(before, action);
  if (before.channel === 'sage-banking') return await askSage(deps, before, action);
  // A signal would start a workflow for a closed feed, so nothing is sent to one.
  if (before.facts.operator === 'closed') return await answer(deps, before, null);
  await deps.facade.requestOfFeed({ feedId, action });
  return await shown(deps, before, action);
}

/** The same for a feed that is an account at Sage: its row asks for the end, and anything else is a check. */
async function askSage(deps: ApiDeps, before: FeedView, action: OperatorAction): Promise<RouteAnswer> {
  const sage = requireSage(deps);
  if (before.facts.operator === 'closed') return await answer(deps, before, null);
  const sageAccountId = before.feedId;
  if (action === 'close') await requestSageCancellation(deps.pool, { sageAccountId });
  await sage.wakeAccount({ sageAccountId });
  return await shown(deps, before, action);
}

async function shown(deps: ApiDeps, before: FeedView, action: OperatorAction): Promise<RouteAnswer> {
  const after = await pollRow({
    read: () => requireFeed(deps, before),
    done: (feed) => shows(feed, action, before),
    timeoutMs: shownWithinMs,
  });
  return await answer(deps, after, shows(after, action, before) ? null : action);
}

function shows(feed: FeedView, action: OperatorAction, before: FeedView): boolean {
  switch (action) {
    case 'pause':
      return feed.facts.operator === 'paused';
    case 'resume':
      return feed.facts.operator === 'running' && !channels[feed.channel].isBlocked(feed.reason);
    case 'sync':
      return feed.lastSyncedAt !== before.lastSyncedAt;
    case 'close':
      return feed.facts.operator === 'closed';
    default:
      return action satisfies never;
  }
}

async function answer(deps: ApiDeps, feed: FeedView, requested: OperatorAction | null): Promise<RouteAnswer> {
  const body = await countedFeedJson(deps, feed);
  return requested === null ? { status: 200, body } : { status: 202, body: { ...body, requested } };
}
