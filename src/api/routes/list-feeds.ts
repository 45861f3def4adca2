import { z } from 'zod';
import { dbChannels } from '../../db/channels.js';
import { listFeedViews, readFeedIdAt } from '../../db/feed-views.js';
import { channelIds } from '../../domain/channel.js';
import { channels } from '../../domain/channels.js';
import { endingReason } from '../../domain/feed-status.js';
import { feedStates } from '../../domain/feed.js';
import { describeInstantProblem, parseInstant } from '../../domain/instant.js';
import { defineRoute } from '../define-route.js';
import { feedJson, feedSchema } from '../feed-json.js';
import {
  accountId,
  cursorAfter,
  customerId,
  keyedPage,
  nextCursor,
  nothing,
  page,
  pageFields,
  uuidKeyForm,
} from '../fields.js';

const feedReasons = [...new Set(Object.values(channels).flatMap(({ reasons }) => reasons)), endingReason];

/**
 * A page looks for waiting postings at this many feeds at most. In an outage each costs some reads of an index, 100 µs or
 * so, and a statement ends after 15 s.
 */
const examinedMax = 10_000;

/** A feed is found by the posting that waits longest. */
const instantFilter = z
  .string()
  .transform((value, context) => {
    const read = parseInstant({ value, nowMs: 0, futureMaxMs: Infinity });
    if (!('problem' in read)) return read.instant;
    context.addIssue({ code: 'custom', message: describeInstantProblem(read.problem, Infinity) });
    return z.NEVER;
  })
  .meta({
    description: `Only feeds with a transaction that waits and was received before this instant. Each page looks at up to ${String(examinedMax)} feeds, so it may have fewer than \`limit\`, or none: go on until \`next_cursor\` is null.`,
    type: 'string',
    format: 'date-time',
    example: '2026-02-01T09:00:00Z',
  });

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
    channel: z.enum(channelIds).optional(),
    state: z.enum(feedStates).optional(),
    reason: z.enum(feedReasons).optional(),
    degraded: z.enum(['true', 'false']).optional(),
    waiting_since_before: instantFilter.optional(),
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
    const filters = {
      customerId: query.customer_id,
      accountId: query.account_id,
      channel: query.channel,
      state: query.state,
      reason: query.reason,
      degraded: query.degraded === undefined ? undefined : query.degraded === 'true',
      waitingSinceBefore: query.waiting_since_before,
      afterFeedId: after,
    };
    const isLimited = filters.waitingSinceBefore !== undefined;
    const lastExamined = isLimited
      ? await readFeedIdAt(deps.pool, dbChannels, { ...filters, limit: examinedMax })
      : null;
    const feeds = await listFeedViews(deps.pool, dbChannels, {
      ...filters,
      throughFeedId: lastExamined ?? undefined,
      limit: limit + 1,
    });
    const { shown, next } = page(feeds, limit, (feed) => feed.feedId);
    const rest = lastExamined === null ? null : cursorAfter(lastExamined);
    return { status: 200, body: { feeds: shown.map(feedJson), next_cursor: next ?? rest } };
  },
});
