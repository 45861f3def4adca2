import { z } from 'zod';
import { abandonJob } from '../../../db/rutter/abandon-job.js';
import { limits } from '../../../domain/limits.js';
import { defineRutterRoute } from '../define-route.js';
import { rutterFeedJson, rutterFeedSchema } from '../feed-json.js';
import { feedParams, requireAllowed, requireFeed, wrongState } from '../../feed-params.js';
import { nothing, textField } from '../../fields.js';

const bodyBytesMax = 64 * 1024;

/** Stops waiting for a job that never ends; read-back then decides. */
export const postAbandonJob = defineRutterRoute({
  method: 'post',
  path: '/v1/feeds/{feed_id}/abandon-job',
  roles: ['ops'],
  resource: 'feed',
  summary: 'Stop waiting for a job at Rutter',
  description:
    "The feed's open batch is completed from Rutter's own list of transactions instead: transactions found there are delivered, and only if none is found the batch is sent again under a new key. 409 when the feed waits for no job.",
  params: feedParams,
  query: nothing,
  body: {
    schema: z
      .strictObject({
        reason: textField(limits.textLengthMax).meta({ description: 'Why, for the timeline.' }),
      })
      .meta({ id: 'AbandonJobInput' }),
    bytesMax: bodyBytesMax,
  },
  answers: { 200: { description: 'The feed; its next delivery run reads back', schema: rutterFeedSchema } },
  handle: async ({ deps, params, body }) => {
    const { feedId } = await requireFeed(deps, { feedId: params.feed_id });
    const abandoned = await abandonJob(deps.pool, { feedId, reason: body.reason });
    const feed = await requireFeed(deps, { feedId });
    if (!abandoned) {
      requireAllowed(feed, 'abandon-job');
      // The job was stored meanwhile: the caller can retry.
      throw wrongState(feed, 'abandon-job');
    }
    // Also for a closed feed, whose workflow this starts once more: no other feed of the connection may be left to complete
    // the batch. Its one delivery run completes it, builds no new batch, and the workflow ends again.
    await deps.rutter.feedFactsChanged({ feedId });
    return { status: 200, body: await rutterFeedJson(deps.pool, feed) };
  },
});
