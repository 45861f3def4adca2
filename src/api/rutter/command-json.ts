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
    compared: z.int().meta({ description: 'Transactions that our completed batches call delivered.' }),
    at_rutter: z.int().meta({ description: "Those of them that Rutter's list has." }),
    gap: z.int().meta({ description: 'Those that it has not, checked twice: sent again.' }),
    already_waiting: z.int().meta({ description: 'Transactions that are to be sent in any case.' }),
    known_at_rutter: z.int().meta({
      description: 'Those of them that Rutter has already; they come back as duplicates.',
    }),
    transaction_ids: z.array(z.string()).meta({ description: 'The first 1000 of the gap.' }),
    first_posted_at: instant.nullable(),
    last_posted_at: instant.nullable(),
    dry_run: z.boolean(),
  })
  .meta({ id: 'ResyncResult' });
