import { z } from 'zod';
import { dbChannels } from '../../db/channels.js';
import { listFeedViews } from '../../db/feed-views.js';
import { feedStates } from '../../domain/feed.js';
import { defineRoute } from '../define-route.js';
import { feedJson, feedSchema } from '../feed-json.js';
import {
  accountId,
  cursorKey,
  customerId,
  nextCursor,
  nothing,
  page,
  pageFields,
  pageSize,
} from '../fields.js';
import { invalid } from '../problem.js';

const uuidForm = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

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
    const after = cursorKey(query.cursor, uuidForm);
    if (after === null) throw badCursor();
    const limit = pageSize(query.limit);
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

function badCursor() {
  const message = 'is not a cursor of this list';
  return invalid({ status: 400, code: 'invalid_query', errors: [{ pointer: '/cursor', message }] });
}
