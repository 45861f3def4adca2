import type { RutterTransaction } from '../../clients/rutter/schemas.js';
import type { OpenBatch } from '../../db/batches.js';
import { settleBatch } from '../../db/settlement.js';
import type { BatchContent, BatchContext, BatchEnding } from './batch-context.js';
import { compareAnswer } from './compare-answer.js';

/** Settles a batch by the list in Rutter's answer, compared posting by posting with what was sent. */
export async function settleByList(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
  input: {
    transactions: readonly RutterTransaction[];
    jobId: string | null;
    evidence: 'answer' | 'job' | 'read_back';
  },
): Promise<BatchEnding> {
  const exceptions = compareAnswer(content.postings, input.transactions);
  await settleBatch(context.deps.pool, {
    batch,
    laneId: context.laneId,
    holder: context.holder,
    evidence: input.evidence,
    jobId: input.jobId,
    httpStatus: input.evidence === 'read_back' ? null : 200,
    exceptions,
  });
  return {
    kind: 'settled',
    delivered: batch.size - exceptions.missing.length - exceptions.conflicts.length,
  };
}
