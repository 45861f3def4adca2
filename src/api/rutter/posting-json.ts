import { z } from 'zod';
import type { PostingWithStatus } from '../../db/rutter/delivery-status.js';
import { deliveryStatuses, holdReasons } from '../../domain/rutter/delivery-status.js';
import { sendObstacles } from '../../domain/rutter/posting-decisions.js';
import { postingStatuses, type Posting } from '../../domain/posting-input.js';
import { transactionTypes } from '../../domain/transaction-type.js';
import { instant } from '../fields.js';

const bookingDate = z.string().meta({ format: 'date', description: 'The day on which Sage books it.' });

const releaseSchema = z.object({
  amount: z.string().nullable(),
  description: z.string().nullable(),
  payee: z.string().nullable(),
  transaction_type: z.enum(transactionTypes).nullable(),
  reason: z.string(),
  at: instant,
});

/** The content of a posting. */
export const postingSchema = z
  .object({
    transaction_id: z.string(),
    posted_at: instant,
    booking_date: bookingDate,
    send_at: instant.meta({ description: 'Sent as `posted_at`: the order of delivery.' }),
    amount: z.string(),
    description: z.string(),
    payee: z.string().nullable(),
    transaction_type: z.enum(transactionTypes),
    status: z.enum(postingStatuses),
    corrects: z.string().nullable().meta({ description: 'The transaction that this one corrects.' }),
  })
  .meta({ id: 'TransactionContent' });

export function postingJson(posting: Posting) {
  return {
    transaction_id: posting.transactionId,
    posted_at: posting.postedAt,
    booking_date: posting.bookingDay,
    send_at: posting.sendAt,
    amount: posting.amount,
    description: posting.description,
    payee: posting.payee,
    transaction_type: posting.transactionType,
    status: posting.status,
    corrects: posting.corrects,
  };
}

/** A posting of a feed's account with its delivery status in the feed. */
export const postingWithStatusSchema = z
  .object({
    ...postingSchema.shape,
    sequence: z.string(),
    corrected_by: z.array(z.string()).meta({ description: 'Transactions that correct this one.' }),
    received_at: instant,
    delivery_status: z.enum(deliveryStatuses),
    hold_reason: z.enum(holdReasons).nullable().meta({
      description:
        'Why it is `held`: `pending` at core banking, held by an `operator`, a `possible_duplicate` of a delivered transaction of an account that this one replaces, `account_closed`: stored before the account was closed on an earlier day, and sent if it opens again, or `feed_closed`: the feed is closed or its connection is being unlinked, so nothing is sent unless the feed opens again.',
    }),
    possible_duplicate_of: z
      .object({ account_id: z.string(), transaction_id: z.string() })
      .nullable()
      .meta({ description: 'The delivered transaction of a replaced account that it equals.' }),
    batch_number: z.int().nullable(),
    late: z.boolean(),
    exception: z
      .enum(['duplicate', 'altered', 'conflict', 'suspected', 'quarantined', 'discarded'])
      .nullable(),
    detail: z.string().nullable(),
    release: releaseSchema.nullable().meta({
      description: 'Released from quarantine: sent to this feed instead of the fields above.',
    }),
  })
  .meta({ id: 'TransactionWithStatus' });

/** What must happen before a released posting is sent. */
export const waitsForSchema = z.enum(sendObstacles).nullable().meta({
  description:
    'What must happen before what is `ready` in this feed is sent: the paused feed is resumed (`feed_resumed`), the connection is authorized again (`connection_authorized`), the customer chooses the account in Sage (`account_chosen_in_sage`) or connects it there again (`account_connected_in_sage`), the blocked feed is resumed (`feed_unblocked`). Null: nothing, it goes out with the next batch.',
});

/** A posting after a decision on it. */
export const decidedPostingSchema = postingWithStatusSchema
  .extend({ waits_for: waitsForSchema })
  .meta({ id: 'DecidedTransaction' });

/** The posting as core banking sent it, its delivery status, and the fields that its release changed. */
export function postingWithStatusJson(posting: PostingWithStatus) {
  const { release } = posting;
  return {
    ...postingJson(posting),
    sequence: posting.sequence,
    corrected_by: posting.correctedBy,
    received_at: posting.receivedAt,
    delivery_status: posting.deliveryStatus,
    hold_reason: posting.holdReason,
    possible_duplicate_of: duplicateJson(posting.possibleDuplicateOf),
    batch_number: posting.batchNumber,
    late: posting.late,
    exception: posting.exception,
    detail: posting.detail,
    release: release === null ? null : releaseJson(release),
  };
}

function duplicateJson(original: PostingWithStatus['possibleDuplicateOf']) {
  if (original === null) return null;
  return { account_id: original.accountId, transaction_id: original.transactionId };
}

function releaseJson(release: NonNullable<PostingWithStatus['release']>) {
  return {
    amount: release.amount,
    description: release.description,
    payee: release.payee,
    transaction_type: release.transactionType,
    reason: release.reason,
    at: release.at,
  };
}
