import { cancellationSignal } from '@temporalio/activity';
import type { SageReprocessPoll } from '../../../clients/sage-banking/client.js';
import { isSageError, isSageNotFound } from '../../../clients/sage-banking/errors.js';
import { open, seal } from '../../../crypto/seal.js';
import {
  halveChunk,
  recordChunkFailure,
  storeChunk,
  storeChunkRoute,
} from '../../../db/sage-banking/reprocess-progress.js';
import { readSageReprocess, type SageReprocessRow } from '../../../db/sage-banking/reprocesses.js';
import {
  nextReprocessPollMs,
  sageReprocessLimits,
  type SageReprocessReason,
} from '../../../domain/sage-banking/reprocess.js';
import { readPredictions } from '../../../domain/sage-banking/transaction.js';
import type { SageBankingDeps } from '../deps.js';
import { Obsolete } from '../../failures.js';
import { accountAccess } from '../access.js';
import { endReprocess, endRefusedReprocess, type ReprocessOver } from './end-reprocess.js';

/*
 * Polls Sage's run over the current chunk once (contract 10) and stores its suggestions. A repeat is safe: the route may be
 * polled any number of times, and a stored chunk is no longer the current one. A run that failed, is unknown to Sage or does
 * not end is counted in the row; then another is started, up to a limit. An answer that is too large to read would be so
 * again: half of the chunk is requested instead, down to one transaction, which then is skipped. Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried); Obsolete.
 */

export interface PollReprocessChunkInput {
  readonly reprocessId: string;
}

export type PollReprocessChunkResult =
  | { readonly outcome: 'waiting'; readonly pollAfterMs: number }
  /** No chunk is in progress: the next one, or the same again, is started after the wait. */
  | { readonly outcome: 'next'; readonly startAfterMs: number }
  | ReprocessOver;

/** Wait before a failed run of a chunk is started again; multiplied by the failures so far. */
const restartWaitMs = 2_000;

export function sagePollReprocessChunk(deps: SageBankingDeps) {
  return async (input: PollReprocessChunkInput): Promise<PollReprocessChunkResult> => {
    const { reprocessId } = input;
    const reprocess = await readSageReprocess(deps.pool, input);
    if (reprocess === null) throw new Obsolete('the reprocess run does not exist');
    if (reprocess.state !== 'running') return { outcome: 'over', state: reprocess.state };
    const { chunkIds, pollRouteSealed } = reprocess;
    if (chunkIds === null || pollRouteSealed === null) return { outcome: 'next', startAfterMs: 0 };
    try {
      const polled = await poll(deps, reprocess, pollRouteSealed);
      switch (polled.kind) {
        case 'done': {
          const predictions = polled.transactions.flatMap(({ transactionId, ...members }) => {
            const predictedActions = readPredictions(members['predictedActions']);
            // An unreadable suggestion does not replace the stored one.
            return predictedActions === null ? [] : [{ transactionId, predictedActions }];
          });
          await storeChunk(deps.pool, { reprocessId, chunkIds, predictions });
          return { outcome: 'next', startAfterMs: 0 };
        }
        case 'waiting': {
          const waitedMs = reprocess.chunkAgeMs ?? 0;
          if (waitedMs <= sageReprocessLimits.chunkRunMaxMs) {
            await keepRoute(deps, { reprocess, chunkIds, polled });
            const pollAfterMs = nextReprocessPollMs({ periodMs: polled.pollPeriodMs, waitedMs });
            return { outcome: 'waiting', pollAfterMs };
          }
          return await afterFailedRun(deps, reprocess, { reason: 'reprocess_never_ended', message: null });
        }
        case 'failed':
          return await afterFailedRun(deps, reprocess, {
            reason: 'reprocess_failed_at_sage',
            message: polled.message,
          });
      }
    } catch (error) {
      if (isTooLarge(error)) return await requestLess(deps, { reprocessId, chunkIds, pollRouteSealed });
      return await endRefusedReprocess(deps, { reprocessId, error });
    }
  };
}

function isTooLarge(error: unknown): boolean {
  return isSageError(error) && error.kind === 'outcome_unknown' && error.reason === 'body_too_large';
}

async function requestLess(
  { pool }: SageBankingDeps,
  chunk: { reprocessId: string; chunkIds: readonly number[]; pollRouteSealed: string },
): Promise<PollReprocessChunkResult> {
  if (chunk.chunkIds.length > 1) await halveChunk(pool, chunk);
  else await storeChunk(pool, { ...chunk, predictions: [] });
  return { outcome: 'next', startAfterMs: 0 };
}

/** Assumed: the route stays the same (contract 10); if it changes, the new one is stored. */
async function keepRoute(
  deps: SageBankingDeps,
  input: {
    reprocess: SageReprocessRow;
    chunkIds: readonly number[];
    polled: Extract<SageReprocessPoll, { kind: 'waiting' }>;
  },
): Promise<void> {
  const { reprocessId, pollRouteSealed } = input.reprocess;
  const context = { table: 'sage_reprocesses', row: reprocessId };
  if (pollRouteSealed !== null && open(deps.keyring, pollRouteSealed, context) === input.polled.pollRoute)
    return;
  await storeChunkRoute(deps.pool, {
    reprocessId,
    chunkIds: input.chunkIds,
    pollPeriodMs: input.polled.pollPeriodMs,
    pollRouteSealed: seal(deps.keyring, input.polled.pollRoute, context),
  });
}

/** One poll. A run that Sage does not know any more counts as failed. */
async function poll(
  deps: SageBankingDeps,
  reprocess: SageReprocessRow,
  pollRouteSealed: string,
): Promise<SageReprocessPoll> {
  const { sage, access } = await accountAccess(deps, reprocess);
  const context = { table: 'sage_reprocesses', row: reprocess.reprocessId };
  const pollRoute = open(deps.keyring, pollRouteSealed, context);
  try {
    return await sage.client.pollReprocess({ access, pollRoute, signal: cancellationSignal() });
  } catch (error) {
    const isForgotten = isSageNotFound(error) || (isSageError(error) && error.kind === 'gone');
    if (!isForgotten) throw error;
    return { kind: 'failed', message: error.errorMessage };
  }
}

async function afterFailedRun(
  deps: SageBankingDeps,
  reprocess: SageReprocessRow,
  why: { reason: SageReprocessReason; message: string | null },
): Promise<PollReprocessChunkResult> {
  const { reprocessId, pollRouteSealed } = reprocess;
  const failures = await recordChunkFailure(deps.pool, {
    reprocessId,
    pollRouteSealed: pollRouteSealed ?? '',
  });
  if (failures === null || failures < sageReprocessLimits.chunkFailuresMax) {
    return { outcome: 'next', startAfterMs: restartWaitMs * (failures ?? 0) };
  }
  return await endReprocess(deps, { reprocessId, ...why });
}
