import { z } from 'zod';
import { dbChannels } from '../../db/channels.js';
import { listFeedViews } from '../../db/feed-views.js';
import { feedStates } from '../../domain/feed.js';
import { defineRoute } from '../define-route.js';
import { feedJson, feedSchema } from '../feed-json.js';
import {
  accountId,
  customerId,
  keyedPage,
  nextCursor,
  nothing,
  page,
  pageFields,
  uuidKeyForm,
} from '../fields.js';

/** Feeds in the order of their ids; also maps accounts to feeds. */
export const listFeeds = defineRoute({
  method: 'get',
  path: '/v1/feeds',
  roles: ['core', 'ops'],
  resource: 'feed',
  summary: 'List feeds',
  params: nothing,
  query: z.strictObject({
    customer_id: customerId.optional(),
    account_id: accountId.optional(),
    state: z.enum(feedStates).optional(),
    ...pageFields,
  }),
  answers: {
    200: {
      description: 'A page of feeds, without counts',
      schema: z.object({ feeds: z.array(feedSchema), next_cursor: nextCursor }).meta({ id: 'FeedPage' }),
    },
  },
  handle: async ({ deps, query }) => {
    const { after, limit } = keyedPage(query, uuidKeyForm);
    const feeds = await listFeedViews(deps.pool, dbChannels, {
      customerId: query.customer_id,
      accountId: query.account_id,
      state: query.state,
      afterFeedId: after,
      limit: limit + 1,
    });
    const { shown, next } = page(feeds, limit, (feed) => feed.feedId);
    return { status: 200, body: { feeds: shown.map(feedJson), next_cursor: next } };
  },
});
