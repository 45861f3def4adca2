import { z } from 'zod';
import { listTimeline } from '../../db/feed-records.js';
import { defineRoute } from '../define-route.js';
import { feedParams, numberedPage, requireFeed } from '../feed-params.js';
import { instant, nextCursor, page, pageFields } from '../fields.js';

const timelineSchema = z
  .object({
    timeline: z.array(
      z.object({
        entry_id: z.string(),
        kind: z.string(),
        detail: z.record(z.string(), z.unknown()),
        at: instant,
      }),
    ),
    next_cursor: nextCursor,
  })
  .meta({ id: 'TimelinePage' });

/** The timeline of a feed, newest first. */
export const listFeedTimeline = defineRoute({
  method: 'get',
  path: '/v1/feeds/{feed_id}/timeline',
  roles: ['ops'],
  resource: 'feed',
  summary: 'Timeline of a feed, newest first',
  params: feedParams,
  query: z.strictObject(pageFields),
  answers: { 200: { description: 'A page of the timeline', schema: timelineSchema } },
  handle: async ({ deps, params, query }) => {
    const feed = await requireFeed(deps, { feedId: params.feed_id });
    const { before, limit } = numberedPage(query);
    const rows = await listTimeline(deps.pool, {
      feedId: feed.feedId,
      beforeEntryId: before,
      limit: limit + 1,
    });
    const { shown, next } = page(rows, limit, (entry) => entry.entryId);
    const timeline = shown.map(({ entryId, kind, detail, at }) => ({ entry_id: entryId, kind, detail, at }));
    return { status: 200, body: { timeline, next_cursor: next } };
  },
});
