import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import type { RutterTransaction } from '../../../clients/rutter/schemas.js';
import type { OpenBatch, StoredRefusal } from '../../../db/rutter/batches.js';
import { ListTooLong, transactionsSince } from './transactions-since.js';
import { completeByList } from './complete-by-list.js';
import type { BatchContent } from './batch-content.js';
import type { BatchContext } from './batch-context.js';
import type { BatchOutcome } from './batch-outcome.js';
import { blockFeed, renewBatch, undo } from './end-attempt.js';

/** Two reads found nothing of the batch at Rutter: the caller decides. */
interface Absent {
  readonly kind: 'absent';
}

/**
 * Resolves an unknown outcome by Rutter's own list: what it holds is delivered; if it holds only a part, the rest
 * becomes ready again.
 */
export async function resolveByReadBack(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
): Promise<BatchOutcome | Absent> {
  const found = await checkTwice(context, batch, content);
  if (found === 'too_long') {
    return await blockFeed(context, 'read_back_too_long', 'its list of transactions does not end');
  }
  if (found.length === 0) return { kind: 'absent' };
  const seen = { transactions: found, jobId: batch.jobId, evidence: 'read_back' } as const;
  return await completeByList(context, batch, content, seen);
}

/**
 * The same; a batch that is absent is sent again under a new key. Rutter marks what it has after all as a duplicate.
 */
export async function resolveOrSendAgain(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
): Promise<BatchOutcome> {
  const found = await resolveByReadBack(context, batch, content);
  if (found.kind !== 'absent') return found;
  const errorMessage = 'not found at Rutter in two checks';
  return await renewBatch(context, batch, { httpStatus: null, errorCode: null, errorMessage });
}

/** The same; a batch that is absent is undone. */
export async function resolveOrUndo(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
  refusal: StoredRefusal | null,
): Promise<BatchOutcome> {
  const found = await resolveByReadBack(context, batch, content);
  return found.kind === 'absent' ? await undo(context, batch, refusal) : found;
}

async function checkTwice(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
): Promise<RutterTransaction[] | 'too_long'> {
  try {
    const found = await readList(context, batch, content);
    if (found.size < content.postings.length) {
      await context.deps.wait(deliveryLimits.secondCheckAfterMs, context.signal);
      // Pages shift while they are read: what the first check saw is there, whatever the second says.
      for (const [id, transaction] of await readList(context, batch, content)) found.set(id, transaction);
    }
    return [...found.values()];
  } catch (error) {
    if (error instanceof ListTooLong) return 'too_long';
    throw error;
  }
}

/** What Rutter holds of the batch, by transaction id. @throws ListTooLong */
async function readList(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
): Promise<Map<string, RutterTransaction>> {
  const wanted = new Set(content.postings.map((posting) => posting.transactionId));
  const found = new Map<string, RutterTransaction>();
  const pages = transactionsSince({
    rutter: context.deps.rutter,
    accessToken: context.accessToken,
    rutterAccountId: context.feed.rutterAccountId ?? '',
    sinceMs: batch.firstPostAtMs,
    pagesMax: deliveryLimits.readBackPagesMax,
    signal: context.signal,
  });
  for await (const page of pages) {
    for (const transaction of page) {
      const id = transaction.transactionId;
      if (id !== null && wanted.has(id)) found.set(id, transaction);
    }
    if (found.size === wanted.size) break;
  }
  return found;
}
