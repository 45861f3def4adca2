import type { OpenBatch } from '../../db/batches.js';
import { readBatchPostings } from '../../db/batches.js';
import type { FeedRow } from '../../db/feeds.js';
import { serializeBatch } from '../../clients/rutter/transform.js';
import type { DeliverablePosting } from '../../domain/posting.js';
import type { ActivityDeps } from '../deps.js';

/** What every step on a batch works with. `feed` is the batch's own feed, whoever's slice this is. */
export interface BatchContext {
  readonly deps: ActivityDeps;
  readonly feed: FeedRow;
  readonly laneId: string;
  readonly holder: string;
  readonly accessToken: string;
  /** Aborted when the activity is cancelled. A POST in flight is never aborted; waits and reads are. */
  readonly signal: AbortSignal;
}

/** The postings of a batch and the bytes that carry them. */
export interface BatchContent {
  readonly postings: readonly DeliverablePosting[];
  readonly body: string;
}

export type BatchEnding =
  | { readonly kind: 'settled'; readonly delivered: number }
  /** It certainly is not at Rutter; its postings are ready again. */
  | { readonly kind: 'undone' }
  /** The same bytes go out again under a new key. */
  | { readonly kind: 'renewed' }
  | { readonly kind: 'job_running'; readonly waitMs: number }
  /** A person must look; the reason stands in the feed's row and the batch stays open. */
  | { readonly kind: 'parked' }
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
