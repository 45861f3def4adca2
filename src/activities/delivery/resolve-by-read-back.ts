import { setTimeout as sleep } from 'node:timers/promises';
import { recordReason } from '../../db/feed-facts.js';
import type { OpenBatch } from '../../db/batches.js';
import { undoBatch } from '../../db/batches.js';
import { renewAttempt } from '../../db/settlement.js';
import { transaction } from '../../db/pool.js';
import type { BatchContent, BatchContext, BatchEnding } from './batch-context.js';
import { settleByList } from './settle-by-list.js';
import { readBack, ReadBackTooLong } from './read-back.js';

/** Rutter's list may lag behind its effect: "not there" counts only when it is said twice, this far apart. */
const secondLookAfterMs = 10_000;

/**
 * Settles doubt by Rutter's own list: what is there is delivered. When nothing is there in two looks, the batch is
 * sent again under a new key (where Rutter marks what it has after all as a duplicate), or, for one that was refused
 * meanwhile, undone. When only a part is there, the rest becomes ready again.
 */
export async function resolveByReadBack(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
  whenAbsent: 'send_again' | 'undo',
): Promise<BatchEnding> {
  const look = () =>
    readBack({
      rutter: context.deps.rutter,
      accessToken: context.accessToken,
      rutterAccountId: context.feed.rutterAccountId ?? '',
      transactionIds: new Set(content.postings.map((posting) => posting.transactionId)),
      firstPostAtMs: batch.firstPostAtMs ?? batch.attemptCreatedAtMs,
      signal: context.signal,
    });
  try {
    let found = await look();
    if (found.length < content.postings.length) {
      await sleep(secondLookAfterMs, undefined, { signal: context.signal });
      found = await look();
    }
    if (found.length > 0) {
      const seen = { transactions: found, jobId: batch.jobId, evidence: 'read_back' } as const;
      return await settleByList(context, batch, content, seen);
    }
  } catch (error) {
    if (!(error instanceof ReadBackTooLong)) throw error;
    const { pool } = context.deps;
    await recordReason(pool, {
      feedId: context.feed.feedId,
      reason: 'read_back_too_long',
      detail: error.message,
      timeline: true,
    });
    return { kind: 'parked' };
  }
  return whenAbsent === 'undo' ? await undo(context, batch) : await sendAgain(context, batch);
}

async function undo(context: BatchContext, batch: OpenBatch): Promise<BatchEnding> {
  const undone = await transaction(context.deps.pool, (db) =>
    undoBatch(db, { batch, laneId: context.laneId, holder: context.holder, errorCode: null }),
  );
  return { kind: undone ? 'undone' : 'lease_lost' };
}

async function sendAgain(context: BatchContext, batch: OpenBatch): Promise<BatchEnding> {
  const key = await renewAttempt(context.deps.pool, {
    batch,
    laneId: context.laneId,
    holder: context.holder,
    httpStatus: null,
    errorCode: null,
    errorMessage: 'not found at Rutter in two looks',
  });
  return { kind: key === null ? 'lease_lost' : 'renewed' };
}
