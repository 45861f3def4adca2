import { z } from 'zod';
import { resolveBatch } from '../../../db/rutter/resolve-batch.js';
import { limits } from '../../../domain/limits.js';
import { batchResolutions } from '../../../domain/rutter/batch-resolution.js';
import { defineRutterRoute } from '../define-route.js';
import { rutterFeedJson, rutterFeedSchema } from '../feed-json.js';
import { feedParams, requireFeed, wrongState } from '../../feed-params.js';
import { nothing, textField } from '../../fields.js';

const bodyBytesMax = 64 * 1024;

/** Decides the outcome of a batch that nobody can ask Rutter for any more. */
export const postResolveBatch = defineRutterRoute({
  method: 'post',
  path: '/v1/feeds/{feed_id}/resolve-batch',
  roles: ['ops'],
  resource: 'feed',
  summary: 'Decide the outcome of a batch whose connection is gone',
  description:
    'A connection that Rutter refused can be unlinked although the outcome of its last batch is unknown. Its transactions stay `batched` until an operator has looked into Sage: `delivered` if they are there, `not_delivered` if none of them is (then they are `held` as `feed_closed`). Nothing is sent by this. Repeating the same decision changes nothing; 409 when the feed has no such batch, or the other decision was made. See the alert `batch_undecided`.',
  params: feedParams,
  query: nothing,
  body: {
    schema: z
      .strictObject({
        outcome: z.enum(batchResolutions),
        reason: textField(limits.textLengthMax).meta({
          description: 'What was seen where, for the timeline. No personal data.',
        }),
      })
      .meta({ id: 'ResolveBatchInput' }),
    bytesMax: bodyBytesMax,
  },
  answers: { 200: { description: 'The feed with its counts', schema: rutterFeedSchema } },
  handle: async ({ deps, params, body }) => {
    const { feedId } = await requireFeed(deps, { feedId: params.feed_id });
    const result = await resolveBatch(deps.pool, { feedId, ...body });
    const feed = await requireFeed(deps, { feedId });
    if (result === 'no_batch') {
      const because =
        'the feed has no batch to decide on: only one that was open when its connection was unlinked, and only once';
      throw wrongState(feed, 'resolve-batch', because);
    }
    return { status: 200, body: await rutterFeedJson(deps.pool, feed) };
  },
});
