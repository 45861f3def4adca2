import { z } from 'zod';
import { channelIds } from '../domain/channel.js';
import { instant } from './fields.js';

/** A customer's tie to one Sage company, on either channel. */
export const connectionSchema = z.object({
  connection_id: z.string().meta({ format: 'uuid' }),
  customer_id: z.string(),
  company_id: z.string().nullable().meta({ description: "Sage's id of a company at its Banking Service." }),
  channel: z.enum(channelIds),
  platform: z.string(),
  name: z.string().nullable(),
  status: z.enum(['ok', 'refused', 'unavailable', 'unlinking', 'unlinked']).meta({
    description:
      '`unlinking`: its deletion was requested, and nothing new is sent. `unlinked`: deleted at the provider, its feeds are closed.',
  }),
  provider_status: z.string().nullable(),
  status_reason: z.string().nullable(),
  link_url: z.string().nullable(),
  linked_feeds: z.int(),
  unlink_requested_at: instant.nullable(),
  unlinked_at: instant.nullable(),
  open_batch_feed_id: z.string().nullable().meta({
    format: 'uuid',
    description:
      'The feed whose batch is in flight: its outcome is awaited before the connection is deleted.',
  }),
  created_at: instant,
});

export type ConnectionJson = z.output<typeof connectionSchema>;
