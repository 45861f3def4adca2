import { z } from 'zod';
import { readAccount } from '../../../db/accounts.js';
import type { FeedView } from '../../../db/feed-views.js';
import { readPostingWithStatus, type PostingWithStatus } from '../../../db/rutter/delivery-status.js';
import { decidePosting, type QuarantineResult } from '../../../db/rutter/posting-decisions.js';
import { limits } from '../../../domain/limits.js';
import {
  noCorrection,
  parseCorrection,
  type PostingCorrection,
} from '../../../domain/rutter/posting-correction.js';
import { transactionTypes } from '../../../domain/transaction-type.js';
import {
  allowedPostingActions,
  type FeedObstacle,
  type PostingAction,
} from '../../../domain/rutter/posting-decisions.js';
import type { RouteAnswer } from '../../define-route.js';
import { defineRutterRoute, type RutterDeps } from '../define-route.js';
import type { ApiDeps } from '../../deps.js';
import { feedParams, wrongState } from '../../feed-params.js';
import { requireRutterFeed, type RutterFeed } from '../feed-params.js';
import { nothing, textField, transactionId } from '../../fields.js';
import { decidedPostingSchema, postingWithStatusJson } from '../posting-json.js';
import { Problem, invalid, notFound } from '../../problem.js';

const bodyBytesMax = 64 * 1024;
const params = feedParams.extend({ transaction_id: transactionId });
const reason = textField(limits.textLengthMax).meta({
  description: 'Why, for the timeline. No personal data.',
});
const answers = {
  200: { description: 'The transaction with its new delivery status', schema: decidedPostingSchema },
};

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

/** Holds a posting of this feed back until an operator releases or discards it. */
export const holdPosting = defineRutterRoute({
  method: 'post',
  path: '/v1/feeds/{feed_id}/quarantine/{transaction_id}/hold',
  roles: ['ops'],
  resource: 'feed or transaction',
  summary: 'Hold a transaction back',
  description:
    'A transaction that is in no batch (`ready`, `before_start` or `held` as pending) is not sent to this feed and shows as `held` with the reason `operator`, until it is released or discarded. A pending one stays held when it is posted. Other feeds of the account are not changed. Repeating the request changes nothing.',
  params,
  query: nothing,
  body: { schema: z.strictObject({ reason }).meta({ id: 'HoldInput' }), bytesMax: bodyBytesMax },
  answers,
  handle: async ({ deps, params: ids, body }) => await decideOne(deps, { ids, action: 'hold', body }),
});

/** Sends a refused or held posting with corrected fields for this feed alone where those were the reason. */
export const releaseFromQuarantine = defineRutterRoute({
  method: 'post',
  path: '/v1/feeds/{feed_id}/quarantine/{transaction_id}/release',
  roles: ['ops'],
  resource: 'feed or transaction',
  summary: 'Send a quarantined or held transaction',
  description:
    'With the corrected fields, or unchanged. The stored transaction and what other feeds send stay as they are. It goes out with the next batch, marked late, or after what `waits_for` names. 409 on a feed that sends nothing any more. A transaction that Rutter has with other content cannot be released, since Rutter would answer with its own version. Repeating the same release changes nothing. On a feed that is blocked as `rejected_by_provider`, the ready transactions that the timeline entry `feed_blocked` names can be released too: they go out after `resume`.',
  params,
  query: nothing,
  body: {
    schema: z.strictObject({ transaction: correctionSchema.optional(), reason }).meta({ id: 'ReleaseInput' }),
    bytesMax: bodyBytesMax,
  },
  answers,
  handle: async ({ deps, params: ids, body }) => {
    const feed = await requireRutterFeed(deps, { feedId: ids.feed_id, action: 'release' });
    const correction = await correctionFor(deps, {
      feed,
      transactionId: ids.transaction_id,
      value: body.transaction,
    });
    return await decideOne(deps, { ids, action: 'release', body, correction });
  },
});

/** Discards a quarantined or held posting for this feed. */
export const discardFromQuarantine = defineRutterRoute({
  method: 'post',
  path: '/v1/feeds/{feed_id}/quarantine/{transaction_id}/discard',
  roles: ['ops'],
  resource: 'feed or transaction',
  summary: 'Discard a quarantined or held transaction',
  description:
    'It is never sent to this feed, or is accepted as Rutter has it, and counts as `discarded`. This is final. Repeating the request has no further effect. On a feed that is blocked as `rejected_by_provider`, the ready transactions that the timeline entry `feed_blocked` names can be discarded too.',
  params,
  query: nothing,
  body: { schema: z.strictObject({ reason }).meta({ id: 'DiscardInput' }), bytesMax: bodyBytesMax },
  answers,
  handle: async ({ deps, params: ids, body }) => await decideOne(deps, { ids, action: 'discard', body }),
});

async function decideOne(
  deps: RutterDeps,
  input: {
    readonly ids: { readonly feed_id: string; readonly transaction_id: string };
    readonly action: PostingAction;
    readonly body: { readonly reason: string };
    readonly correction?: PostingCorrection;
  },
): Promise<RouteAnswer> {
  const { ids, action, body } = input;
  const feed = await requireRutterFeed(deps, { feedId: ids.feed_id, action });
  const { feedId } = feed;
  const result = await decidePosting(deps.pool, {
    feedId,
    action,
    transactionId: ids.transaction_id,
    reason: body.reason,
    ...(input.correction === undefined ? {} : { correction: input.correction }),
  });
  const answer = answerOf(feed, result, action);
  // Also for a repeat: the first call may have died before its signal.
  await deps.rutter.feedFactsChanged({ feedId });
  return answer;
}

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

function answerOf(feed: FeedView, result: QuarantineResult, action: PostingAction): RouteAnswer {
  switch (result.kind) {
    case 'done':
      return {
        status: 200,
        body: { ...postingWithStatusJson(result.posting), waits_for: result.waitsFor },
      };
    case 'unknown_feed':
    case 'feed_closed':
    case 'connection_unlinking':
      throw undecided(feed, { kind: result.kind, action });
    case 'unknown_posting':
      throw notFound('transaction');
    case 'wrong_delivery_status':
      throw wrongDeliveryStatus(result.posting, action);
  }
}

function wrongDeliveryStatus(posting: PostingWithStatus, action: PostingAction): Problem {
  const { code, detail } = explainWrongStatus(posting, action);
  return new Problem({
    status: 409,
    code,
    detail,
    extra: {
      delivery_status: posting.deliveryStatus,
      hold_reason: posting.holdReason,
      exception: posting.exception,
      allowed_actions: allowedPostingActions(posting),
    },
  });
}

/** Why nothing could be decided on the whole feed. */
export function undecided(
  feed: FeedView,
  input: { readonly kind: 'unknown_feed' | FeedObstacle; readonly action: PostingAction },
): Problem {
  if (input.kind === 'unknown_feed') return notFound('feed');
  if (input.kind === 'connection_unlinking') {
    const because = "the feed's connection is being unlinked: nothing is sent to it any more";
    return wrongState(feed, input.action, because);
  }
  if (feed.closedBy === 'account' && input.action === 'release') {
    const because =
      'the feed closed with its account, which is not active in Sage: it is not opened again for a release';
    return wrongState(feed, input.action, because);
  }
  const closed = { ...feed, state: 'closed' as const, facts: { ...feed.facts, operator: 'closed' as const } };
  return wrongState(closed, input.action);
}

/** Why the delivery status of a posting does not allow an action. */
export function explainWrongStatus(
  posting: PostingWithStatus,
  action: PostingAction,
): { readonly code: 'conflict_at_rutter' | 'wrong_delivery_status'; readonly detail: string } {
  if (posting.exception === 'conflict') {
    const detail =
      'Rutter has this transaction with other content and ignores a second one with its id: it can only be discarded';
    return { code: 'conflict_at_rutter', detail };
  }
  const because =
    posting.holdReason === 'pending'
      ? 'a transaction that is pending is released by core banking, which posts or withdraws it'
      : `a transaction with the delivery status ${posting.deliveryStatus} does not allow ${action}`;
  const [only] = allowedPostingActions(posting);
  const remedy = only === 'hold' ? ': hold it first' : '';
  return { code: 'wrong_delivery_status', detail: `${because}${action === 'hold' ? '' : remedy}` };
}
