import { isRutterError, type RutterOutcomeUnknown } from '../../../clients/rutter/errors.js';
import type { PostTransactionsResult } from '../../../clients/rutter/transactions.js';
import type { OpenBatch } from '../../../db/rutter/batches.js';
import { recordUnknownOutcome, recordJob, recordPost } from '../../../db/rutter/complete-batch.js';
import { readFeed, type FeedRow } from '../../../db/rutter/feeds.js';
import { renewDeliveryLock } from '../../../db/rutter/delivery-locks.js';
import { isBlocked, maySend } from '../../../domain/rutter/feed.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { followJob } from './follow-job.js';
import { reactToRefusal } from './react-to-refusal.js';
import { resolveByReadBack, resolveOrSendAgain, resolveOrUndo } from './resolve-by-read-back.js';
import { completeByList } from './complete-by-list.js';
import { loadContent, type BatchContent } from './batch-content.js';
import type { BatchContext } from './batch-context.js';
import type { BatchOutcome } from './batch-outcome.js';
import { renewBatch, undo } from './end-attempt.js';

/**
 * Brings an open batch to its final outcome, also one that another sender left at any step: a known job is
 * followed, an accepted failure of unknown effect is completed by Rutter's own list, and in every other case the same
 * bytes go out under the same key, which Rutter either replays or does now (contract 8.3, 9, 11.2).
 * `fresh` is the content of a batch that this sender has just built: only then is its POST certainly the first.
 */
export async function finishBatch(
  context: BatchContext,
  batch: OpenBatch,
  fresh?: BatchContent,
): Promise<BatchOutcome> {
  const content = fresh ?? (await loadContent(context, batch));
  if (batch.posts === 0 && batch.notBeforeMs > 0) return { kind: 'retry_later', waitMs: batch.notBeforeMs };
  const old = batch.posts > 0 && batch.attemptAgeMs > deliveryLimits.attemptTrustedMs;
  if (batch.inDoubt || (old && batch.jobId === null)) {
    return await resolveOrSendAgain(context, batch, content);
  }
  if (batch.jobId !== null) return await followJob(context, batch, content);
  if (fresh === undefined) return await takeUp(context, batch, content);
  const fit =
    context.leaseTakenAgoMs() < deliveryLimits.leaseFreshMs ||
    (await renewDeliveryLock(context.deps.pool, lease(context)));
  return fit ? await postBatch(context, batch, content) : { kind: 'lock_lost' };
}

/**
 * Continues a batch whose last sender may have died before, during or after its POST. If the feed was closed meanwhile,
 * its start date moved or its account got a last day, Rutter's list decides: what it has is delivered, the rest undone. A batch whose earlier
 * attempts certainly did nothing is sent under its new key only if it could be built now.
 */
async function takeUp(context: BatchContext, batch: OpenBatch, content: BatchContent): Promise<BatchOutcome> {
  const feed = (await readFeed(context.deps.pool, context.feed)) ?? context.feed;
  if (batch.posts === 0 && !mayBeBuilt(feed, content)) return await undo(context, batch, null);
  if (feed.facts.operator === 'closed' || !isWithinDays(feed, content)) {
    return await resolveOrUndo(context, batch, content, null);
  }
  if (batch.outcomeUnknown && batch.posts >= deliveryLimits.unknownOutcomePostsMax) {
    const ending = await resolveByReadBack(context, batch, content);
    if (ending.kind !== 'absent') return ending;
  }
  if (!(await recordPost(context.deps.pool, { ...context, batch }))) return { kind: 'lock_lost' };
  return await postBatch(
    context,
    { ...batch, outcomeUnknown: batch.outcomeUnknown || batch.posts > 0 },
    content,
  );
}

/** While its attempts failed, the feed may have been paused, refused or blocked, its start date moved or its account closed. */
function mayBeBuilt(feed: FeedRow, content: BatchContent): boolean {
  return maySend(feed.facts) && !isBlocked(feed.reason) && !feed.isUnlinking && isWithinDays(feed, content);
}

/** From the start day to the last day of a closed account; of the postings alone, whatever the day is today. */
function isWithinDays({ startDay, closedOn }: FeedRow, { postings }: BatchContent): boolean {
  return postings.every(
    ({ bookingDay }) =>
      (startDay === null || bookingDay >= startDay) && (closedOn === null || bookingDay <= closedOn),
  );
}

function lease(context: BatchContext) {
  return { deliveryLockId: context.deliveryLockId, holder: context.holder, leaseMs: deliveryLimits.leaseMs };
}

async function postBatch(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
): Promise<BatchOutcome> {
  if (context.deps.stopping.aborted) return { kind: 'stopping' };
  let result: PostTransactionsResult;
  try {
    result = await context.deps.rutter.postTransactions({
      accessToken: context.accessToken,
      body: content.body,
      idempotencyKey: batch.idempotencyKey,
    });
  } catch (error) {
    return await afterFailedPost(context, batch, content, error);
  }
  if (result.kind === 'done') {
    return await completeByList(context, batch, content, { ...result, evidence: 'answer' });
  }
  await recordJob(context.deps.pool, { batch, jobId: result.jobId });
  return await followJob(context, { ...batch, jobId: result.jobId, jobAgeMs: 0 }, content);
}

async function afterFailedPost(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
  error: unknown,
): Promise<BatchOutcome> {
  if (!isRutterError(error)) throw error;
  switch (error.kind) {
    case 'outcome_unknown':
      return await afterUnknownOutcome(context, batch, content, error);
    case 'refused':
      return await reactToRefusal({ context, batch, content, refusal: error, accepted: error.accepted });
    case 'rate_limited':
      // Accepted and then limited: the key replays that answer for ever, so the bytes need a new one.
      if (error.accepted) return await renewBatch(context, batch, error);
      throw error;
    case 'unauthorized':
      if (error.accepted) await renewBatch(context, batch, error);
      throw error;
    case 'unreachable':
    case 'unexpected_answer':
      throw error;
  }
}

async function afterUnknownOutcome(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
  error: RutterOutcomeUnknown,
): Promise<BatchOutcome> {
  const { pool } = context.deps;
  const serverError = error.reason === 'server_error';
  const acceptedFailure = serverError && error.jobId !== undefined;
  await recordUnknownOutcome(pool, {
    batch,
    httpStatus: error.httpStatus ?? null,
    message: error.message,
    accepted: acceptedFailure,
  });
  if (error.jobId === undefined) throw error;
  await recordJob(pool, { batch, jobId: error.jobId });
  if (acceptedFailure) return await resolveOrSendAgain(context, batch, content);
  return await followJob(context, { ...batch, jobId: error.jobId, jobAgeMs: 0 }, content);
}
