import { z } from 'zod';
import type { FeedView } from '../../db/feed-views.js';
import type { Pool } from '../../db/pool.js';
import { countByDeliveryStatus } from '../../db/rutter/delivery-status.js';
import { deliveryStatuses } from '../../domain/rutter/delivery-status.js';
import type { FeedCounts } from '../channel.js';
import { feedJson, feedSchema } from '../feed-json.js';

const countsSchema = z
  .object(
    Object.fromEntries(deliveryStatuses.map((status) => [status, z.int().min(0)])) as Record<
      (typeof deliveryStatuses)[number],
      z.ZodInt
    >,
  )
  .meta({
    id: 'FeedCounts',
    description:
      'Postings by `delivery_status`. Every posting of the account has exactly one, so the sum is the number of postings.',
  });

/** Postings of a feed by delivery status. */
export const rutterFeedCounts: FeedCounts = {
  schema: countsSchema,
  read: (pool, { feedId }) => countByDeliveryStatus(pool, { feedId }),
};

/** A feed that sends postings to Rutter, with its counts. */
export const rutterFeedSchema = feedSchema.extend({ counts: countsSchema }).meta({ id: 'RutterFeed' });

export async function rutterFeedJson(pool: Pool, feed: FeedView) {
  return { ...feedJson(feed), counts: await countByDeliveryStatus(pool, { feedId: feed.feedId }) };
}
