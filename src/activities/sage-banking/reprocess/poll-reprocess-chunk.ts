import { cancellationSignal } from '@temporalio/activity';
import type { SageReprocessPoll } from '../../../clients/sage-banking/client.js';
import { isSageError, isSageNotFound } from '../../../clients/sage-banking/errors.js';
import { open, seal } from '../../../crypto/seal.js';
import {
  halveChunk,
  noteChunkFailure,
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
 * Asks Sage once how its run over the chunk under way stands (contract 10) and stores what it predicts. The route may be
 * asked again and again, and a chunk that is stored is not the one under way any more, so a repeat changes nothing. A
 * run that failed, is forgotten or does not end is counted in the row; then another is begun, up to a limit. An answer
 * that is too large to read will be so again: half of the chunk is asked for instead, down to one transaction, which
 * then is left out. Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried); Obsolete.
 */

export interface PollReprocessChunkInput {
  readonly reprocessId: string;
}

export type PollReprocessChunkResult =
  | { readonly outcome: 'waiting'; readonly pollAfterMs: number }
  /** No chunk is under way: the next one, or the same again, is begun after the wait. */
  | { readonly outcome: 'next'; readonly startAfterMs: number }
  | ReprocessOver;

/** Before another run is begun for a chunk whose run came to nothing; times the failures so far. */
const startAgainMs = 2_000;

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
            // What cannot be read replaces nothing.
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
          return await cameToNothing(deps, reprocess, { reason: 'reprocess_never_ended', message: null });
        }
        case 'failed':
          return await cameToNothing(deps, reprocess, {
            reason: 'reprocess_failed_at_sage',
            message: polled.message,
          });
      }
    } catch (error) {
      if (isTooLarge(error)) return await askForLess(deps, { reprocessId, chunkIds, pollRouteSealed });
      return await endRefusedReprocess(deps, { reprocessId, error });
    }
  };
}

function isTooLarge(error: unknown): boolean {
  return isSageError(error) && error.kind === 'outcome_unknown' && error.reason === 'body_too_large';
}

async function askForLess(
  { pool }: SageBankingDeps,
  chunk: { reprocessId: string; chunkIds: readonly number[]; pollRouteSealed: string },
): Promise<PollReprocessChunkResult> {
  if (chunk.chunkIds.length > 1) await halveChunk(pool, chunk);
  else await storeChunk(pool, { ...chunk, predictions: [] });
  return { outcome: 'next', startAfterMs: 0 };
}

/** The route is said to stay the same (assumed, contract 10); should it change, the new one counts. */
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

/** One look. A run that Sage does not know any more is one that failed. */
async function poll(
  deps: SageBankingDeps,
  reprocess: SageReprocessRow,
  pollRouteSealed: string,
): Promise<SageReprocessPoll> {
  const { channel, access } = await accountAccess(deps, reprocess);
  const context = { table: 'sage_reprocesses', row: reprocess.reprocessId };
  const pollRoute = open(deps.keyring, pollRouteSealed, context);
  try {
    return await channel.client.pollReprocess({ access, pollRoute, signal: cancellationSignal() });
  } catch (error) {
    const isForgotten = isSageNotFound(error) || (isSageError(error) && error.kind === 'gone');
    if (!isForgotten) throw error;
    return { kind: 'failed', message: error.errorMessage };
  }
}

async function cameToNothing(
  deps: SageBankingDeps,
  reprocess: SageReprocessRow,
  why: { reason: SageReprocessReason; message: string | null },
): Promise<PollReprocessChunkResult> {
  const { reprocessId, pollRouteSealed } = reprocess;
  const failures = await noteChunkFailure(deps.pool, { reprocessId, pollRouteSealed: pollRouteSealed ?? '' });
  if (failures === null || failures < sageReprocessLimits.chunkFailuresMax) {
    return { outcome: 'next', startAfterMs: startAgainMs * (failures ?? 0) };
  }
  return await endReprocess(deps, { reprocessId, ...why });
}
