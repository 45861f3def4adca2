import { z } from 'zod';
import { readAccount } from '../../../db/accounts.js';
import type { FeedView } from '../../../db/feed-views.js';
import { discardPosting, releasePosting, type QuarantineResult } from '../../../db/rutter/quarantine.js';
import { readPostingWithStatus } from '../../../db/rutter/delivery-status.js';
import { limits } from '../../../domain/limits.js';
import {
  noCorrection,
  parseCorrection,
  type PostingCorrection,
} from '../../../domain/rutter/posting-correction.js';
import { transactionTypes } from '../../../domain/transaction-type.js';
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

/** For the reference: what `domain/rutter/posting-correction.ts` validates, with the currency of the account. */
const correctionSchema = z
  .looseObject({
    amount: z.unknown().meta({ description: 'As in a transaction: a decimal string or a JSON number.' }),
    description: z.unknown().meta({ type: 'string' }),
    payee: z.unknown().meta({ type: 'string' }),
    transaction_type: z.unknown().meta({ type: 'string', enum: [...transactionTypes] }),
  })
  .partial()
  .meta({ id: 'TransactionCorrection', description: 'The corrected fields, by the rules of a transaction.' });

/** Sends a refused posting again, with corrected fields for this feed alone where those were the reason. */
export const releaseFromQuarantine = defineRutterRoute({
  method: 'post',
  path: '/v1/feeds/{feed_id}/quarantine/{transaction_id}/release',
  roles: ['ops'],
  resource: 'feed or transaction',
  summary: 'Send a quarantined transaction again',
  description:
    'With the corrected fields, or unchanged. The stored transaction and what other feeds send stay as they are. It goes out with the next batch, marked late. A transaction that Rutter has with other content cannot be released, since Rutter would answer with its own version. Repeating the same release changes nothing. On a feed that is blocked as `rejected_by_provider`, the ready transactions that the timeline entry `feed_blocked` names can be released too: they go out after `resume`.',
  params,
  query: nothing,
  body: {
    schema: z.strictObject({ transaction: correctionSchema.optional(), reason }).meta({ id: 'ReleaseInput' }),
    bytesMax: bodyBytesMax,
  },
  answers: {
    200: { description: 'The transaction with its new delivery status', schema: postingWithStatusSchema },
  },
  handle: async ({ deps, params: ids, body }) => {
    const feed = await requireRutterFeed(deps, { feedId: ids.feed_id, action: 'release' });
    const correction = await correctionFor(deps, {
      feed,
      transactionId: ids.transaction_id,
      value: body.transaction,
    });
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

/** Discards a quarantined posting for this feed. */
export const discardFromQuarantine = defineRutterRoute({
  method: 'post',
  path: '/v1/feeds/{feed_id}/quarantine/{transaction_id}/discard',
  roles: ['ops'],
  resource: 'feed or transaction',
  summary: 'Discard a quarantined transaction',
  description:
    'It is never sent to this feed, or is accepted as Rutter has it, and counts as `discarded`. This is final. Repeating the request has no further effect. On a feed that is blocked as `rejected_by_provider`, the ready transactions that the timeline entry `feed_blocked` names can be discarded too.',
  params,
  query: nothing,
  body: { schema: z.strictObject({ reason }).meta({ id: 'DiscardInput' }), bytesMax: bodyBytesMax },
  answers: {
    200: { description: 'The transaction with its new delivery status', schema: postingWithStatusSchema },
  },
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
  input: {
    readonly feed: RutterFeed;
    readonly transactionId: string;
    readonly value: Readonly<Record<string, unknown>> | undefined;
  },
): Promise<PostingCorrection> {
  const { feed, transactionId, value } = input;
  if (value === undefined) return noCorrection;
  const account = await readAccount(deps.pool, feed);
  if (account === null) throw notFound('account');
  const stored = await readPostingWithStatus(deps.pool, { feedId: feed.feedId, transactionId });
  if (stored === null) throw notFound('transaction');
  const { currency, type: accountType } = account;
  const signCheck = deps.config.SIGN_CHECK;
  const result = parseCorrection({ value, currency, accountType, signCheck, stored });
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
      throw wrongDeliveryStatus(result, action);
  }
}

function wrongDeliveryStatus(
  { posting }: Extract<QuarantineResult, { kind: 'wrong_delivery_status' }>,
  action: 'release' | 'discard',
): Problem {
  const conflict = posting.exception === 'conflict';
  const detail = conflict
    ? 'Rutter has this transaction with other content and ignores a second one with its id: it can only be discarded'
    : `a transaction with the delivery status ${posting.deliveryStatus} does not allow ${action}`;
  const allowed = conflict ? ['discard'] : [];
  return new Problem({
    status: 409,
    code: conflict ? 'conflict_at_rutter' : 'wrong_delivery_status',
    detail,
    extra: {
      delivery_status: posting.deliveryStatus,
      exception: posting.exception,
      allowed_actions: allowed,
    },
  });
}
