import { z } from 'zod';
import { listConflictsAtRutter } from '../../../db/posting-conflicts.js';
import { defineRutterRoute } from '../define-route.js';
import { feedParams, numberedPage } from '../../feed-params.js';
import { instant, nextCursor, page, pageFields } from '../../fields.js';
import { requireFeedOfPostings } from '../feed-params.js';
import { postingJson, postingSchema } from '../posting-json.js';

const conflictsSchema = z
  .object({
    conflicts: z.array(
      z.object({
        transaction: postingSchema.meta({ description: 'Our version.' }),
        difference: z
          .string()
          .nullable()
          .meta({ description: 'The fields in which the version at Rutter differs.' }),
        batch_number: z.int(),
        completed_at: instant.nullable(),
      }),
    ),
    next_cursor: nextCursor,
  })
  .meta({ id: 'RutterConflictPage' });

/** Postings of a feed that Rutter has with other content, and that wait for an operator. */
export const listFeedConflicts = defineRutterRoute({
  method: 'get',
  path: '/v1/feeds/{feed_id}/conflicts',
  roles: ['ops'],
  resource: 'feed',
  summary: 'Transactions that Rutter has with other content, last arrived first',
  description:
    'Rutter keeps the version that it received first. Once checked, each can be discarded, which accepts the version at Rutter.',
  params: feedParams,
  query: z.strictObject(pageFields),
  problems: [409],
  answers: { 200: { description: 'A page of conflicts', schema: conflictsSchema } },
  handle: async ({ deps, params, query }) => {
    const feed = await requireFeedOfPostings(deps, { feedId: params.feed_id });
    const { before, limit } = numberedPage(query);
    const rows = await listConflictsAtRutter(deps.pool, {
      feedId: feed.feedId,
      beforeSequence: before,
      limit: limit + 1,
    });
    const { shown, next } = page(rows, limit, (conflict) => conflict.sequence);
    const conflicts = shown.map((conflict) => ({
      transaction: postingJson(conflict.posting),
      difference: conflict.difference,
      batch_number: conflict.batchNumber,
      completed_at: conflict.completedAt,
    }));
    return { status: 200, body: { conflicts, next_cursor: next } };
  },
});
