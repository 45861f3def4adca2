import { bodyVersionOf, serializeBatch, type BodyVersion } from '../../../clients/rutter/transform.js';
import { readBatchPostings, type OpenBatch } from '../../../db/rutter/batches.js';
import type { DeliverablePosting } from '../../../domain/posting.js';
import type { BatchContext } from './batch-context.js';

/** The postings of a batch and the bytes that carry them. */
export interface BatchContent {
  readonly postings: readonly DeliverablePosting[];
  readonly body: string;
  /** The form in which they are sent and compared. */
  readonly version: BodyVersion;
}

/** The content of a batch that was just built. */
export function contentOf(built: Omit<BatchContent, 'version'> & { readonly version: number }): BatchContent {
  const { postings, body } = built;
  return { postings, body, version: bodyVersionOf(built.version) };
}

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
  const version = bodyVersionOf(batch.bodyVersion);
  const { body, sha256 } = serializeBatch({
    rutterAccountId: context.feed.rutterAccountId ?? '',
    postings,
    version,
  });
  if (sha256 !== batch.bodyHash) throw new BatchBytesChanged(batch.batchId);
  return { postings, body, version };
}
