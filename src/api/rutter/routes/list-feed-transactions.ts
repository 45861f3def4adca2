import { z } from 'zod';
import { listPostingsWithStatus, readPostingWithStatus } from '../../../db/rutter/delivery-status.js';
import { deliveryStatuses } from '../../../domain/rutter/delivery-status.js';
import { defineRutterRoute } from '../define-route.js';
import { feedParams, numberedPage } from '../../feed-params.js';
import { nextCursor, page, pageFields, transactionId } from '../../fields.js';
import { requireFeedOfPostings } from '../feed-params.js';
import { postingWithStatusJson, postingWithStatusSchema } from '../posting-json.js';

const transactionsSchema = z
  .object({ transactions: z.array(postingWithStatusSchema), next_cursor: nextCursor })
  .meta({ id: 'TransactionPage' });

/** The postings of a feed's account with their delivery status in the feed, last arrived first. */
export const listFeedTransactions = defineRutterRoute({
  method: 'get',
  path: '/v1/feeds/{feed_id}/transactions',
  roles: ['ops'],
  resource: 'feed',
  summary: "The postings of a feed's account with their delivery status, last arrived first",
  params: feedParams,
  query: z.strictObject({
    delivery_status: z.enum(deliveryStatuses).optional(),
    transaction_id: transactionId.optional(),
    ...pageFields,
  }),
  problems: [409],
  answers: { 200: { description: 'A page of postings', schema: transactionsSchema } },
  handle: async ({ deps, params, query }) => {
    const feed = await requireFeedOfPostings(deps, { feedId: params.feed_id });
    const { before, limit } = numberedPage(query);
    if (query.transaction_id !== undefined) {
      const found = await readPostingWithStatus(deps.pool, {
        feedId: feed.feedId,
        transactionId: query.transaction_id,
      });
      const matches =
        found !== null &&
        (query.delivery_status === undefined || found.deliveryStatus === query.delivery_status);
      return {
        status: 200,
        body: { transactions: matches ? [postingWithStatusJson(found)] : [], next_cursor: null },
      };
    }
    const rows = await listPostingsWithStatus(deps.pool, {
      feedId: feed.feedId,
      deliveryStatus: query.delivery_status,
      beforeSequence: before,
      limit: limit + 1,
    });
    const { shown, next } = page(rows, limit, (posting) => posting.sequence);
    return { status: 200, body: { transactions: shown.map(postingWithStatusJson), next_cursor: next } };
  },
});
