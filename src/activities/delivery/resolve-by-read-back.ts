import type { RutterTransaction } from '../../clients/rutter/schemas.js';
import type { OpenBatch } from '../../db/batches.js';
import type { BatchContent, BatchContext, BatchEnding } from './batch-context.js';
import { parkFeed, renewBatch } from './batch-context.js';
import { readBack, ReadBackTooLong } from './read-back.js';
import { settleByList } from './settle-by-list.js';

/** Rutter's list may lag behind its effect: "not there" counts only when it is said twice, this far apart. */
const secondLookAfterMs = 10_000;

/**
 * Settles doubt by Rutter's own list: what is there is delivered, and when only a part is there, the rest becomes
 * ready again. When nothing is there in two looks, the batch is sent again under a new key (where Rutter marks what
 * it has after all as a duplicate), or kept for the caller to decide: then the answer is `absent`.
 */
export async function resolveByReadBack<When extends 'send_again' | 'keep'>(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
  whenAbsent: When,
): Promise<BatchEnding | (When extends 'keep' ? { kind: 'absent' } : never)> {
  const found = await lookTwice(context, batch, content);
  if (found === 'too_long') {
    return await parkFeed(context, 'read_back_too_long', 'its list of transactions does not end');
  }
  if (found.length > 0) {
    const seen = { transactions: found, jobId: batch.jobId, evidence: 'read_back' } as const;
    return await settleByList(context, batch, content, seen);
  }
  if (whenAbsent === 'send_again') {
    const errorMessage = 'not found at Rutter in two looks';
    return await renewBatch(context, batch, { httpStatus: null, errorCode: null, errorMessage });
  }
  return { kind: 'absent' } as When extends 'keep' ? { kind: 'absent' } : never;
}

async function lookTwice(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
): Promise<RutterTransaction[] | 'too_long'> {
  const look = () =>
    readBack({
      rutter: context.deps.rutter,
      accessToken: context.accessToken,
      rutterAccountId: context.feed.rutterAccountId ?? '',
      transactionIds: new Set(content.postings.map((posting) => posting.transactionId)),
      firstPostAtMs: batch.firstPostAtMs,
      signal: context.signal,
    });
  try {
    const first = await look();
    if (first.length === content.postings.length) return first;
    await context.deps.wait(secondLookAfterMs, context.signal);
    // Pages shift while they are read: what the first look saw is there, whatever the second says.
    const both = new Map([...first, ...(await look())].map((found) => [found.transactionId, found]));
    return [...both.values()];
  } catch (error) {
    if (error instanceof ReadBackTooLong) return 'too_long';
    throw error;
  }
}
