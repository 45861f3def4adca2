import { z } from 'zod';
import type { FeedView } from '../db/feed-views.js';
import type { Pool } from '../db/pool.js';
import { feedActions, feedClosers, feedStates, takenStatuses } from '../domain/feed.js';
import { degradedCauses } from '../domain/feed-status.js';
import { differencesSchema } from './account-json.js';
import type { ApiChannels } from './channel.js';
import { allowedActionsOf } from './feed-params.js';
import { channelIds } from '../domain/channel.js';
import { instant } from './fields.js';
import { ingestionProblemsJson, ingestionProblemsSchema } from './ingestion-problems-json.js';

const day = z.string().nullable().meta({ format: 'date' });

/** A feed as JSON, without counts. */
export const feedSchema = z
  .object({
    feed_id: z.string().meta({ format: 'uuid' }),
    customer_id: z.string(),
    account_id: z.string().nullable().meta({
      description: 'Null on the `sage-banking` channel, where the feed is an account at Sage.',
    }),
    connection_id: z.string().meta({ format: 'uuid' }),
    channel: z.enum(channelIds),
    state: z.enum(feedStates),
    reason: z.string().nullable().meta({
      description:
        'Why the feed does not deliver, or that it ends (`disconnecting`); the runbook explains each reason.',
    }),
    degraded: z
      .object({
        since: instant.meta({ description: 'The first failed attempt since the last success.' }),
        cause: z.string().meta({
          description: `Why; \`reason_detail\` has more. One of ${degradedCauses.join(', ')}.`,
        }),
        waiting: z.int().nullable().meta({
          description:
            'Transactions that wait: ready ones, and those of the batch in flight. Counted up to 10,000. Null on `sage-banking`, where they wait at Sage.',
        }),
        next_attempt_at: instant.nullable().meta({
          description: 'In the past: the attempt is under way. Null: not known.',
        }),
      })
      .nullable()
      .meta({
        description:
          'The feed is retried by itself. Null: it proceeds, is paused (an operator decided) or blocked (`reason` needs a person).',
      }),
    waiting_since: instant.nullable().meta({
      description:
        'When the transaction that waits longest was received; of a backlog, that of the next one to be sent. Null: none waits, or `sage-banking`.',
    }),
    reason_detail: z.string().nullable().meta({ description: "The provider's message, for display." }),
    transaction_start_date: instant
      .nullable()
      .meta({ description: 'Chosen by the customer in Sage; no posting from before it is sent.' }),
    booked_through: day.meta({
      description: 'The booking day of the last posting that core banking sent for the account.',
    }),
    delivered_through: day.meta({
      description: 'The booking day of the last posting that Rutter has accepted.',
    }),
    taken_through: day.meta({
      description:
        'The booking day of the last posting that Sage has taken from Rutter; late postings aside. Null: none yet, or unknown.',
    }),
    taken_status: z.enum(takenStatuses).nullable().meta({
      description:
        '`taken`: Sage has taken all that was delivered; `waiting`: not all of it yet; `unknown`: Rutter does not say. Null before the first delivery.',
    }),
    last_synced_at: instant.nullable(),
    next_sync_at: instant.nullable(),
    published_at: instant.nullable(),
    closed_at: instant.nullable(),
    closed_by: z.enum(feedClosers).nullable().meta({
      description:
        'What closed the feed: `request` of an operator or the customer, the closing of its `account`, or the end of its `connection`. Null: open, closed by version 0.2, or on `sage-banking`.',
    }),
    created_at: instant,
    updated_at: instant,
    account_differences: differencesSchema,
    altered_count: z.int().nullable().meta({
      description:
        'Delivered transactions that Rutter shows with other text than was sent. Null on `sage-banking`.',
    }),
    allowed_actions: z.array(z.enum(feedActions)),
    ingestion_problems: ingestionProblemsSchema
      .nullable()
      .meta({ description: 'Null on the `sage-banking` channel, whose transactions Sage sends.' }),
  })
  .meta({ id: 'FeedSummary' });

/** A feed with its counts, which differ by channel. */
export function countedFeedSchema(channels: ApiChannels) {
  const counts = Object.values(channels).map((channel) => channel.feedCounts.schema);
  return feedSchema.extend({ counts: z.union(counts) }).meta({ id: 'Feed' });
}

/** A feed as JSON, without counts: counting reads all its postings. */
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
    degraded: degradedJson(feed.degraded),
    waiting_since: feed.waitingSince,
    transaction_start_date: feed.transactionStartDate,
    booked_through: feed.bookedThrough,
    delivered_through: feed.deliveredThrough,
    taken_through: feed.takenThrough,
    taken_status: feed.takenStatus,
    last_synced_at: feed.lastSyncedAt,
    next_sync_at: feed.nextSyncAt,
    published_at: feed.publishedAt,
    closed_at: feed.closedAt,
    closed_by: feed.closedBy,
    created_at: feed.createdAt,
    updated_at: feed.updatedAt,
    account_differences: feed.accountDifferences.map(({ field, shown }) => ({ field, sage_shows: shown })),
    altered_count: feed.alteredCount,
    allowed_actions: allowedActionsOf(feed),
    ingestion_problems: feed.accountId === null ? null : ingestionProblemsJson(feed.ingestionProblems ?? {}),
  };
}

function degradedJson(degraded: FeedView['degraded']) {
  if (degraded === null) return null;
  const { since, cause, waiting, nextAttemptAt } = degraded;
  return { since, cause, waiting, next_attempt_at: nextAttemptAt };
}

/** A feed as JSON with its counts. */
export async function countedFeedJson(pool: Pool, channels: ApiChannels, feed: FeedView) {
  return { ...feedJson(feed), counts: await channels[feed.channel].feedCounts.read(pool, feed) };
}
