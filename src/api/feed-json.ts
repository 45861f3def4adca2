import { z } from 'zod';
import { countByDeliveryStatus, deliveryStatuses } from '../db/rutter/delivery-status.js';
import type { FeedView } from '../db/feed-views.js';
import { feedActions, feedStates } from '../domain/feed.js';
import type { ApiDeps } from './deps.js';
import { allowedActionsOf } from './feed-params.js';
import { instant } from './fields.js';

/** A feed in answers. */
export const feedSchema = z
  .object({
    feed_id: z.string().meta({ format: 'uuid' }),
    customer_id: z.string(),
    account_id: z.string().nullable().meta({
      description: "Null on the channel of Sage's Banking Service, where the feed is Sage's account.",
    }),
    connection_id: z.string().meta({ format: 'uuid' }),
    channel: z.enum(['rutter', 'sage-banking']),
    state: z.enum(feedStates),
    reason: z.string().nullable().meta({ description: 'Why it waits; each reason is in the runbook.' }),
    reason_detail: z.string().nullable().meta({ description: "The provider's words, for people." }),
    transaction_start_date: instant
      .nullable()
      .meta({ description: 'What the customer chose in Sage; nothing posted before it is sent.' }),
    last_synced_at: instant.nullable(),
    next_sync_at: instant.nullable(),
    published_at: instant.nullable(),
    closed_at: instant.nullable(),
    created_at: instant,
    updated_at: instant,
    allowed_actions: z.array(z.enum(feedActions)),
  })
  .meta({ id: 'FeedSummary' });

export const countsSchema = z
  .object(
    Object.fromEntries(deliveryStatuses.map((place) => [place, z.int().min(0)])) as Record<
      (typeof deliveryStatuses)[number],
      z.ZodInt
    >,
  )
  .meta({
    id: 'FeedCounts',
    description:
      "Every posting of the account is in exactly one: the sum is the number of the account's postings.",
  });

const receivedSchema = z.object({ received: z.int().min(0) }).meta({
  id: 'ReceivedCounts',
  description: "On the channel of Sage's Banking Service: transactions read there.",
});

export const countedFeedSchema = feedSchema
  .extend({ counts: z.union([countsSchema, receivedSchema]) })
  .meta({ id: 'Feed' });

/** A feed as JSON, without counts: they cost a pass over its postings. */
export function feedJson(feed: FeedView) {
  return {
    feed_id: feed.feedId,
    customer_id: feed.customerId,
    account_id: feed.accountId,
    connection_id: feed.connectionId,
    channel: feed.channel,
    state: feed.state,
    reason: feed.reason,
    reason_detail: feed.reasonDetail,
    transaction_start_date: feed.transactionStartDate,
    last_synced_at: feed.lastSyncedAt,
    next_sync_at: feed.nextSyncAt,
    published_at: feed.publishedAt,
    closed_at: feed.closedAt,
    created_at: feed.createdAt,
    updated_at: feed.updatedAt,
    allowed_actions: allowedActionsOf(feed),
  };
}

/** A feed as JSON with its counts. */
export async function countedFeedJson({ pool }: Pick<ApiDeps, 'pool'>, feed: FeedView) {
  const counts =
    feed.received === null
      ? await countByDeliveryStatus(pool, { feedId: feed.feedId })
      : { received: Number(feed.received) };
  return { ...feedJson(feed), counts };
}
