import { z } from 'zod';
import { readAccount } from '../../../db/accounts.js';
import type { FeedView } from '../../../db/feed-views.js';
import { discardPosting, releasePosting, type QuarantineResult } from '../../../db/rutter/quarantine.js';
import { limits } from '../../../domain/limits.js';
import { noCorrection, parseCorrection, type PostingCorrection } from '../../../domain/posting-correction.js';
import { transactionTypes } from '../../../domain/posting-input.js';
import type { RouteAnswer } from '../../define-route.js';
import { defineRutterRoute } from '../define-route.js';
import type { ApiDeps } from '../../deps.js';
import { feedParams, wrongState } from '../../feed-params.js';
import { requireRutterFeed, type RutterFeed } from '../feed-params.js';
import { nothing, textField, transactionId } from '../../fields.js';
import { postingWithStatusJson, postingWithStatusSchema } from '../posting-json.js';
import { Problem, invalid, notFound } from '../../problem.js';

const bodyBytesMax = 64 * 1024;
const params = feedParams.extend({ transaction_id: transactionId });
const reason = textField(limits.textLengthMax).meta({
  description: 'Why, for the timeline. No personal data.',
});

/** For the reference: what `domain/posting-correction.ts` validates, with the currency of the account. */
const correctionSchema = z
  .looseObject({
    amount: z.unknown().meta({ description: 'As in a transaction: a decimal text or a JSON number.' }),
    description: z.unknown().meta({ type: 'string' }),
    payee: z.unknown().meta({ type: 'string' }),
    transaction_type: z.unknown().meta({ type: 'string', enum: [...transactionTypes] }),
  })
  .partial()
  .meta({ id: 'TransactionCorrection', description: 'The corrected fields, by the rules of a transaction.' });

/** Sends a posting that Sage refused once more, with other words for this feed alone where they were its fault. */
export const releaseFromQuarantine = defineRutterRoute({
  method: 'post',
  path: '/v1/feeds/{feed_id}/quarantine/{transaction_id}/release',
  roles: ['ops'],
  resource: 'feed or transaction',
  summary: 'Send a quarantined transaction again',
  description:
    'With the corrected fields given, or as core banking gave it. The stored transaction stays as it is, and so does what other feeds send. It goes out with the next batch, marked late. One that Rutter has with other content cannot be released: Rutter would answer with what it has. Repeating the same release changes nothing. Of a feed that is blocked for `rejected_by_provider` also those ready transactions that `feed_blocked` on its timeline names: they go out after `resume`.',
  params,
  query: nothing,
  body: {
    schema: z.strictObject({ transaction: correctionSchema.optional(), reason }).meta({ id: 'ReleaseInput' }),
    bytesMax: bodyBytesMax,
  },
  answers: { 200: { description: 'Where the transaction stands now', schema: postingWithStatusSchema } },
  handle: async ({ deps, params: ids, body }) => {
    const feed = await requireRutterFeed(deps, { feedId: ids.feed_id, action: 'release' });
    const correction = await correctionFor(deps, feed, body.transaction);
    const result = await releasePosting(deps.pool, {
      feedId: feed.feedId,
      transactionId: ids.transaction_id,
      correction,
      reason: body.reason,
    });
    const answer = answerOf(feed, result, 'release');
    // Also for a repeat: the first call may have died before its signal.
    await deps.rutter.feedFactsChanged({ feedId: feed.feedId });
    return answer;
  },
});

/** Gives a quarantined posting up for this feed. */
export const discardFromQuarantine = defineRutterRoute({
  method: 'post',
  path: '/v1/feeds/{feed_id}/quarantine/{transaction_id}/discard',
  roles: ['ops'],
  resource: 'feed or transaction',
  summary: 'Give a quarantined transaction up',
  description:
    'It is never sent to this feed, or accepted as Rutter has it, and counts as `discarded`. Final. Asking twice is asking once. Of a feed that is blocked for `rejected_by_provider` also those ready transactions that `feed_blocked` on its timeline names.',
  params,
  query: nothing,
  body: { schema: z.strictObject({ reason }).meta({ id: 'DiscardInput' }), bytesMax: bodyBytesMax },
  answers: { 200: { description: 'Where the transaction stands now', schema: postingWithStatusSchema } },
  handle: async ({ deps, params: ids, body }) => {
    const feed = await requireRutterFeed(deps, { feedId: ids.feed_id, action: 'discard' });
    const result = await discardPosting(deps.pool, {
      feedId: feed.feedId,
      transactionId: ids.transaction_id,
      reason: body.reason,
    });
    const answer = answerOf(feed, result, 'discard');
    await deps.rutter.feedFactsChanged({ feedId: feed.feedId });
    return answer;
  },
});

async function correctionFor(
  deps: ApiDeps,
  feed: RutterFeed,
  value: Readonly<Record<string, unknown>> | undefined,
): Promise<PostingCorrection> {
  if (value === undefined) return noCorrection;
  const account = await readAccount(deps.pool, feed);
  if (account === null) throw notFound('account');
  const result = parseCorrection({ value, currency: account.currency });
  if ('correction' in result) return result.correction;
  const { pointer, message } = result.problem;
  throw invalid({
    status: 422,
    code: 'invalid_body',
    errors: [{ pointer: `/transaction${pointer}`, message }],
  });
}

function answerOf(feed: FeedView, result: QuarantineResult, action: 'release' | 'discard'): RouteAnswer {
  switch (result.kind) {
    case 'done':
      return { status: 200, body: postingWithStatusJson(result.posting) };
    case 'unknown_feed':
      throw notFound('feed');
    case 'unknown_posting':
      throw notFound('transaction');
    case 'closed':
      throw wrongState({ ...feed, state: 'closed', facts: { ...feed.facts, operator: 'closed' } }, action);
    case 'wrong_delivery_status':
      throw wrongPlace(result, action);
  }
}

function wrongPlace(
  { posting }: Extract<QuarantineResult, { kind: 'wrong_delivery_status' }>,
  action: 'release' | 'discard',
): Problem {
  const conflict = posting.exception === 'conflict';
  const detail = conflict
    ? 'Rutter has this transaction with other content and ignores another one of its id: it can only be discarded'
    : `a transaction that is ${posting.place} cannot be asked to ${action}`;
  const allowed = conflict ? ['discard'] : [];
  return new Problem({
    status: 409,
    code: conflict ? 'conflict_at_rutter' : 'wrong_delivery_status',
    detail,
    extra: { place: posting.place, exception: posting.exception, allowed_actions: allowed },
  });
}
