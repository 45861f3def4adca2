import { z } from 'zod';
import { readCustomer } from '../../db/customers.js';
import { listCustomerTimeline } from '../../db/feed-records.js';
import { defineRoute } from '../define-route.js';
import { numberedPage } from '../feed-params.js';
import { customerId, instant, nextCursor, page, pageFields } from '../fields.js';
import { notFound } from '../problem.js';

const timelineSchema = z
  .object({
    timeline: z.array(
      z.object({
        entry_id: z.string(),
        kind: z.string(),
        connection_id: z.string().nullable().meta({ format: 'uuid' }),
        feed_id: z.string().nullable().meta({ format: 'uuid' }),
        detail: z.record(z.string(), z.unknown()).meta({ description: 'Ids, counts and codes.' }),
        at: instant,
      }),
    ),
    next_cursor: nextCursor,
  })
  .meta({ id: 'CustomerTimelinePage' });

/** The timeline of a customer: logins, onboardings, links, and the entries of its feeds. */
export const listCustomerTimelineEntries = defineRoute({
  method: 'get',
  path: '/v1/customers/{customer_id}/timeline',
  roles: ['ops'],
  resource: 'customer',
  summary: 'Timeline of a customer and its feeds, newest first',
  description:
    'Includes entries that belong to no feed yet, such as onboardings and links of the `sage-banking` channel.',
  params: z.strictObject({ customer_id: customerId }),
  query: z.strictObject(pageFields),
  answers: { 200: { description: 'A page of the timeline', schema: timelineSchema } },
  handle: async ({ deps, params, query }) => {
    const { before, limit } = numberedPage(query);
    const customer = await readCustomer(deps.pool, { customerId: params.customer_id });
    if (customer === null) throw notFound('customer');
    const rows = await listCustomerTimeline(deps.pool, {
      customerId: customer.customerId,
      beforeEntryId: before,
      limit: limit + 1,
    });
    const { shown, next } = page(rows, limit, (entry) => entry.entryId);
    const timeline = shown.map((entry) => ({
      entry_id: entry.entryId,
      kind: entry.kind,
      connection_id: entry.connectionId,
      feed_id: entry.feedId,
      detail: entry.detail,
      at: entry.at,
    }));
    return { status: 200, body: { timeline, next_cursor: next } };
  },
});
