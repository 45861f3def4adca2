import type { ApiChannels } from '../channel.js';
import { defineRoute } from '../define-route.js';
import { countedFeedJson, countedFeedSchema } from '../feed-json.js';
import { feedParams, requireFeed } from '../feed-params.js';
import { nothing } from '../fields.js';

/** One feed with its counts. */
export function getFeed(channels: ApiChannels) {
  return defineRoute({
    method: 'get',
    path: '/v1/feeds/{feed_id}',
    roles: ['core', 'ops'],
    resource: 'feed',
    summary: 'Read a feed with its counts',
    params: feedParams,
    query: nothing,
    answers: { 200: { description: 'The feed', schema: countedFeedSchema(channels) } },
    handle: async ({ deps, params }) => {
      const feed = await requireFeed(deps, { feedId: params.feed_id });
      return { status: 200, body: await countedFeedJson(deps.pool, channels, feed) };
    },
  });
}
