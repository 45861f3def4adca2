import { undoBatch, type OpenBatch, type StoredRefusal } from '../../../db/rutter/batches.js';
import { renewAttempt } from '../../../db/rutter/complete-batch.js';
import { recordReason } from '../../../db/rutter/feed-facts.js';
import { isRateLimit } from '../../../clients/rutter/errors.js';
import { providerUnavailableReason } from '../../../domain/feed.js';
import type { DegradedCause } from '../../../domain/feed-status.js';
import type { BlockReason } from '../../../domain/rutter/feed.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { backoffMs } from '../../../domain/schedule.js';
import type { BatchContext } from './batch-context.js';
import type { BatchOutcome } from './batch-outcome.js';

/* How an attempt ends that did not deliver its batch: renewed under another key, undone, or blocked. */

/**
 * Ends an attempt in which certainly nothing was synced. The same bytes are sent again under a new key, after two seconds,
 * doubled with every attempt up to a minute, and not before `retryAfterMs`; until then the feed is degraded. After too many attempts the batch is undone,
 * so that other feeds of the connection continue, and its feed is blocked.
 */
export async function renewBatch(
  context: BatchContext,
  batch: OpenBatch,
  outcome: StoredRefusal & { readonly retryAfterMs?: number | undefined },
): Promise<BatchOutcome> {
  const { attemptNumber } = batch;
  if (attemptNumber >= deliveryLimits.attemptsMax) {
    const ending = await undo(context, batch, outcome);
    if (ending.kind === 'undone') {
      await blockFeed(context, 'attempts_exhausted', `${String(attemptNumber)} attempts`);
    }
    return ending;
  }
  const tries = attemptNumber - 1;
  const backedOffMs = backoffMs({
    tries,
    firstMs: deliveryLimits.attemptWaitFirstMs,
    maxMs: deliveryLimits.attemptWaitMaxMs,
  });
  const waitMs = Math.max(backedOffMs, outcome.retryAfterMs ?? 0);
  const { deliveryLockId, holder } = context;
  const key = await renewAttempt(context.deps.pool, { batch, deliveryLockId, holder, outcome, waitMs });
  if (key === null) return { kind: 'lock_lost' };
  await recordReason(context.deps.pool, {
    feedId: context.feed.feedId,
    reason: providerUnavailableReason,
    detail: [outcome.httpStatus, outcome.errorCode, outcome.errorMessage].filter(Boolean).join(' '),
    cause: causeOfOutcome(outcome),
    nextAttemptMs: waitMs,
    timeline: false,
  });
  return { kind: 'retry_later', waitMs };
}

/** Of an attempt that certainly did nothing. Without a status the list was read, and does not have the batch. */
function causeOfOutcome({ httpStatus }: StoredRefusal): DegradedCause {
  if (isRateLimit(httpStatus)) return 'rate_limited';
  return httpStatus === null || httpStatus >= 500 ? 'provider_error' : 'provider_refused';
}

/** Undoes a batch that certainly is not at Rutter; `refusal` is the answer to its last attempt, null for none. */
export async function undo(
  context: BatchContext,
  batch: OpenBatch,
  refusal: StoredRefusal | null,
): Promise<Extract<BatchOutcome, { kind: 'undone' | 'lock_lost' }>> {
  const { deliveryLockId, holder } = context;
  const undone = await undoBatch(context.deps.pool, { batch, deliveryLockId, holder, refusal });
  return { kind: undone ? 'undone' : 'lock_lost' };
}

/** Blocks the batch's feed until a person acts; reason and detail are stored in its row. The batch stays as it is. */
export async function blockFeed(
  context: BatchContext,
  reason: BlockReason,
  detail: string | null,
): Promise<BatchOutcome> {
  await recordReason(context.deps.pool, { feedId: context.feed.feedId, reason, detail, timeline: true });
  return { kind: 'blocked' };
}
