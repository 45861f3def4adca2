import { z } from 'zod';
import { abandonJob } from '../../../db/rutter/abandon-job.js';
import { limits } from '../../../domain/limits.js';
import { defineRutterRoute } from '../define-route.js';
import { rutterFeedJson, rutterFeedSchema } from '../feed-json.js';
import { feedParams, requireAllowed, requireFeed, wrongState } from '../../feed-params.js';
import { nothing, textField } from '../../fields.js';

const bodyBytesMax = 64 * 1024;

/** The way out of a job that never ends. */
export const postAbandonJob = defineRutterRoute({
  method: 'post',
  path: '/v1/feeds/{feed_id}/abandon-job',
  roles: ['ops'],
  resource: 'feed',
  summary: 'Stop waiting for a job at Rutter',
  description:
    "The feed's open batch is completed by Rutter's own list of transactions instead: what is there is delivered, and only if nothing is there the batch is sent again under a new key. 409 when no job is waited for.",
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
  answers: { 200: { description: 'The feed; its next delivery run decides', schema: rutterFeedSchema } },
  handle: async ({ deps, params, body }) => {
    const { feedId } = await requireFeed(deps, { feedId: params.feed_id });
    const abandoned = await abandonJob(deps.pool, { feedId, reason: body.reason });
    const feed = await requireFeed(deps, { feedId });
    if (!abandoned) {
      requireAllowed(feed, 'abandon-job');
      // A job that was just seen: the caller checks again.
      throw wrongState(feed, 'abandon a job');
    }
    // A closed feed's too, which starts its workflow once more: it may be the last of its connection, and then nobody
    // else would come by and complete the batch. Its one delivery run does that, cuts nothing, and the workflow ends again.
    await deps.rutter.feedFactsChanged({ feedId });
    return { status: 200, body: await rutterFeedJson(deps.pool, feed) };
  },
});
