import { z } from 'zod';
import { listBatches, type BatchRecord } from '../../../db/feed-records.js';
import { defineRutterRoute } from '../define-route.js';
import { requireFeedOfPostings } from '../feed-params.js';
import { feedParams, numberedPage } from '../../feed-params.js';
import { instant, nextCursor, page, pageFields } from '../../fields.js';

const attemptSchema = z.object({
  number: z.int(),
  state: z.enum(['open', 'delivered', 'nothing_synced', 'in_doubt']),
  posts: z.int(),
  job_id: z.string().nullable(),
  http_status: z.int().nullable(),
  error_code: z.string().nullable(),
  created_at: instant,
  final_at: instant.nullable(),
});

const batchesSchema = z
  .object({
    batches: z.array(
      z.object({
        batch_id: z.string().meta({ format: 'uuid' }),
        number: z.int(),
        size: z.int(),
        state: z.enum(['open', 'delivered', 'refused', 'undone']),
        first_posted_at: instant,
        last_posted_at: instant,
        delivered_count: z.int().nullable(),
        evidence: z.enum(['answer', 'job', 'read_back', 'operator']).nullable(),
        job_id: z.string().nullable(),
        built_at: instant,
        completed_at: instant.nullable(),
        attempts: z.array(attemptSchema),
      }),
    ),
    next_cursor: nextCursor,
  })
  .meta({ id: 'BatchPage' });

/** A feed's batches with their attempts, newest first. */
export const listFeedBatches = defineRutterRoute({
  method: 'get',
  path: '/v1/feeds/{feed_id}/batches',
  roles: ['ops'],
  resource: 'feed',
  summary: "A feed's batches with their attempts, newest first",
  params: feedParams,
  query: z.strictObject(pageFields),
  problems: [409],
  answers: { 200: { description: 'A page of batches', schema: batchesSchema } },
  handle: async ({ deps, params, query }) => {
    const feed = await requireFeedOfPostings(deps, { feedId: params.feed_id });
    const { before, limit } = numberedPage(query);
    const batches = await listBatches(deps.pool, {
      feedId: feed.feedId,
      // The column is an int: a larger cursor is after every batch.
      beforeNumber: before === undefined ? undefined : Math.min(Number(before), 2 ** 31 - 1),
      limit: limit + 1,
    });
    const { shown, next } = page(batches, limit, (batch) => String(batch.number));
    return { status: 200, body: { batches: shown.map(batchJson), next_cursor: next } };
  },
});

function batchJson(batch: BatchRecord) {
  return {
    batch_id: batch.batchId,
    number: batch.number,
    size: batch.size,
    state: batch.state,
    first_posted_at: batch.firstPostedAt,
    last_posted_at: batch.lastPostedAt,
    delivered_count: batch.deliveredCount,
    evidence: batch.evidence,
    job_id: batch.jobId,
    built_at: batch.builtAt,
    completed_at: batch.completedAt,
    attempts: batch.attempts.map((attempt) => ({
      number: attempt.number,
      state: attempt.state,
      posts: attempt.posts,
      job_id: attempt.jobId,
      http_status: attempt.httpStatus,
      error_code: attempt.errorCode,
      created_at: attempt.createdAt,
      final_at: attempt.finalAt,
    })),
  };
}
