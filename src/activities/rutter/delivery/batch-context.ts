import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import {
  readBatchPostings,
  undoBatch,
  type OpenBatch,
  type StoredRefusal,
} from '../../../db/rutter/batches.js';
import { recordReason } from '../../../db/rutter/feed-facts.js';
import type { FeedRow } from '../../../db/rutter/feeds.js';
import { renewAttempt } from '../../../db/rutter/complete-batch.js';
import type { BlockReason } from '../../../domain/rutter/feed.js';
import { backoffMs } from '../../../domain/schedule.js';
import { serializeBatch } from '../../../clients/rutter/transform.js';
import type { DeliverablePosting } from '../../../domain/posting.js';
import type { RutterDeps } from '../deps.js';

/** What every step on a batch works with. `feed` is the batch's own feed, whoever's delivery run this is. */
export interface BatchContext {
  readonly deps: RutterDeps;
  readonly feed: FeedRow;
  readonly deliveryLockId: string;
  readonly holder: string;
  readonly accessToken: string;
  /** Since the lease was taken, by a clock that runs on while the process is frozen. */
  readonly leaseTakenAgoMs: () => number;
  /** Aborted when the activity is cancelled. A POST in flight is never aborted; waits and reads are. */
  readonly signal: AbortSignal;
}

/** The postings of a batch and the bytes that carry them. */
export interface BatchContent {
  readonly postings: readonly DeliverablePosting[];
  readonly body: string;
}

export type BatchEnding =
  | { readonly kind: 'completed'; readonly delivered: number }
  /** The process is asked to end: the batch is left open for the next sender. */
  | { readonly kind: 'stopping' }
  /** It certainly is not at Rutter; its postings are ready again. */
  | { readonly kind: 'undone' }
  /** The same bytes go out again under a new key, but not at once. */
  | { readonly kind: 'renewed'; readonly waitMs: number }
  | { readonly kind: 'job_running'; readonly waitMs: number }
  /** A person must look; the reason stands in the feed's row and the batch stays open. */
  | { readonly kind: 'blocked' }
  | { readonly kind: 'lease_lost' };

/** The bytes would differ from those of the first attempt: our bug, and nothing may be sent under that key. */
export class BatchBytesChanged extends Error {
  constructor(batchId: string) {
    super(`the bytes of batch ${batchId} are not those whose hash was stored`);
    this.name = 'BatchBytesChanged';
  }
}

/**
 * Rebuilds the bytes of an open batch from immutable rows and checks them against the stored hash.
 * @throws BatchBytesChanged
 */
export async function loadContent(context: BatchContext, batch: OpenBatch): Promise<BatchContent> {
  const postings = await readBatchPostings(context.deps.pool, { batchId: batch.batchId });
  const { body, sha256 } = serializeBatch({ rutterAccountId: context.feed.rutterAccountId ?? '', postings });
  if (sha256 !== batch.bodyHash) throw new BatchBytesChanged(batch.batchId);
  return { postings, body };
}

/**
 * Ends an attempt in which certainly nothing was synced: the same bytes get a new key and go out again, from two seconds
 * on, doubling with every attempt, to a minute, and not before `retryAfterMs`. After too many of them the batch is
 * undone, so that other feeds of the connection go on, and its feed is blocked.
 */
export async function renewBatch(
  context: BatchContext,
  batch: OpenBatch,
  outcome: StoredRefusal & { readonly retryAfterMs?: number | undefined },
): Promise<BatchEnding> {
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
  return key === null ? { kind: 'lease_lost' } : { kind: 'renewed', waitMs };
}

/** Undoes a batch that certainly is not at Rutter; `refusal` is what its last attempt met, null for nothing. */
export async function undo(
  context: BatchContext,
  batch: OpenBatch,
  refusal: StoredRefusal | null,
): Promise<Extract<BatchEnding, { kind: 'undone' | 'lease_lost' }>> {
  const { deliveryLockId, holder } = context;
  const undone = await undoBatch(context.deps.pool, { batch, deliveryLockId, holder, refusal });
  return { kind: undone ? 'undone' : 'lease_lost' };
}

/** Parks the batch's feed for a person, in words that stand in its row; the batch stays as it is. */
export async function blockFeed(
  context: BatchContext,
  reason: BlockReason,
  detail: string | null,
): Promise<BatchEnding> {
  await recordReason(context.deps.pool, { feedId: context.feed.feedId, reason, detail, timeline: true });
  return { kind: 'blocked' };
}
