import { z } from 'zod';
import { listPlacedPostings, postingPlaces, type PlacedPosting } from '../../db/feed-places.js';
import { postingStatuses, transactionTypes } from '../../domain/posting-input.js';
import { defineRoute } from '../define-route.js';
import { feedParams, numberedPage, requireFeed } from '../feed-params.js';
import { instant, nextCursor, page, pageFields } from '../fields.js';

const transactionsSchema = z
  .object({
    transactions: z.array(
      z.object({
        transaction_id: z.string(),
        sequence: z.string(),
        posted_at: instant,
        amount: z.string(),
        description: z.string(),
        payee: z.string().nullable(),
        transaction_type: z.enum(transactionTypes),
        status: z.enum(postingStatuses),
        corrects: z.string().nullable(),
        received_at: instant,
        place: z.enum(postingPlaces),
        batch_number: z.int().nullable(),
        late: z.boolean(),
        exception: z.string().nullable(),
        detail: z.string().nullable(),
      }),
    ),
    next_cursor: nextCursor,
  })
  .meta({ id: 'TransactionPage' });

/** The postings of a feed's account with their place in the feed, last arrived first. */
export const listFeedTransactions = defineRoute({
  method: 'get',
  path: '/v1/feeds/{feed_id}/transactions',
  roles: ['ops'],
  resource: 'feed',
  summary: "The postings of a feed's account and where they stand, last arrived first",
  params: feedParams,
  query: z.strictObject({ place: z.enum(postingPlaces).optional(), ...pageFields }),
  answers: { 200: { description: 'A page of postings', schema: transactionsSchema } },
  handle: async ({ deps, params, query }) => {
    const feed = await requireFeed(deps, { feedId: params.feed_id });
    const { before, limit } = numberedPage(query);
    const rows = await listPlacedPostings(deps.pool, {
      feedId: feed.feedId,
      place: query.place,
      beforeSequence: before,
      limit: limit + 1,
    });
    const { shown, next } = page(rows, limit, (posting) => posting.sequence);
    return { status: 200, body: { transactions: shown.map(postingJson), next_cursor: next } };
  },
});

function postingJson(posting: PlacedPosting) {
  return {
    transaction_id: posting.transactionId,
    sequence: posting.sequence,
    posted_at: posting.postedAt,
    amount: posting.amount,
    description: posting.description,
    payee: posting.payee,
    transaction_type: posting.transactionType,
    status: posting.status,
    corrects: posting.corrects,
    received_at: posting.receivedAt,
    place: posting.place,
    batch_number: posting.batchNumber,
    late: posting.late,
    exception: posting.exception,
    detail: posting.detail,
  };
}
