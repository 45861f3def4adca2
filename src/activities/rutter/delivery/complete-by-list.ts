import type { RutterTransaction } from '../../../clients/rutter/schemas.js';
import type { OpenBatch } from '../../../db/rutter/batches.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { completeBatch } from '../../../db/rutter/complete-batch.js';
import { compareAnswer } from './compare-answer.js';
import type { BatchContent } from './batch-content.js';
import type { BatchContext } from './batch-context.js';
import type { BatchOutcome } from './batch-outcome.js';
import { blockFeed, undo } from './end-attempt.js';

/** Completes a batch by the list in Rutter's answer, compared posting by posting with what was sent. */
export async function completeByList(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
  input: {
    transactions: readonly RutterTransaction[];
    jobId: string | null;
    evidence: 'answer' | 'job' | 'read_back';
  },
): Promise<BatchOutcome> {
  const { deliveryLockId, holder } = context;
  const { foldedCount, ...exceptions } = compareAnswer(
    {
      postings: content.postings,
      version: content.version,
      rutterAccountId: context.feed.rutterAccountId ?? '',
      isAnswer: input.evidence !== 'read_back',
    },
    input.transactions,
  );
  if (exceptions.missing.length === batch.size) {
    // Repeating the request would not help: an operator must ask Rutter what its answers mean.
    const ending = await undo(context, batch, null);
    if (ending.kind === 'undone') {
      await blockFeed(context, 'answer_incomplete', 'a successful answer named none of the batch');
    }
    return ending;
  }
  const completed = await completeBatch(context.deps.pool, {
    batch,
    deliveryLockId,
    holder,
    exceptions,
    evidence: input.evidence,
    jobId: input.jobId,
    httpStatus: input.evidence === 'read_back' ? null : 200,
  });
  // Another sender completed it first.
  if (!completed) return { kind: 'lock_lost' };
  if (foldedCount > deliveryLimits.foldedIdsMax) {
    // The facts are stored; each further batch would have as many.
    await blockFeed(
      context,
      'answer_incomplete',
      `${String(foldedCount)} of a batch are there under other ids`,
    );
  }
  const delivered = batch.size - exceptions.missing.length - exceptions.conflicts.length;
  return { kind: 'delivered', delivered };
}
