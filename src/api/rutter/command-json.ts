import { z } from 'zod';
import { instant } from '../fields.js';

/** Results of this channel's commands, as the reference shows them. */

export const connectionResultSchema = z
  .object({
    connection_id: z.string().meta({ format: 'uuid' }),
    platform: z.string(),
    status: z.string().meta({ description: 'ok, refused or unavailable' }),
    link_url: z.string().nullable(),
  })
  .meta({ id: 'ConnectionResult' });

export const resyncResultSchema = z
  .object({
    feed_id: z.string().meta({ format: 'uuid' }),
    from: instant,
    effective_from: instant.meta({
      description: "`from`, or the feed's start date when that is later.",
    }),
    first_booking_date: z
      .string()
      .optional()
      .meta({ format: 'date', description: 'Transactions booked from this day on were compared.' }),
    compared: z.int().meta({ description: 'Transactions delivered by our completed batches.' }),
    at_rutter: z.int().meta({ description: "Those of them found in Rutter's list." }),
    gap: z.int().meta({ description: 'Those missing there in two reads: sent again.' }),
    already_waiting: z.int().meta({ description: 'Transactions that are waiting to be sent anyway.' }),
    known_at_rutter: z.int().meta({
      description: 'Those of them that Rutter already has; it answers them as duplicates.',
    }),
    transaction_ids: z.array(z.string()).meta({ description: 'The first 1000 of the gap.' }),
    first_posted_at: instant.nullable().meta({ description: 'Of the gap, as it was sent.' }),
    last_posted_at: instant.nullable(),
    dry_run: z.boolean(),
  })
  .meta({ id: 'ResyncResult' });
