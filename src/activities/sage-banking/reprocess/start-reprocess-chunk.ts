import { cancellationSignal } from '@temporalio/activity';
import { reprocessTransactionsMax } from '../../../clients/sage-banking/assumptions.js';
import { seal } from '../../../crypto/seal.js';
import { chooseChunk, storeChunkRoute } from '../../../db/sage-banking/reprocess-progress.js';
import { sageReprocessLimits } from '../../../domain/sage-banking/reprocess.js';
import type { SageBankingDeps } from '../deps.js';
import { Obsolete } from '../../failures.js';
import { accountAccess } from '../access.js';
import { endReprocess, endRefusedReprocess, type ReprocessOver } from './end-reprocess.js';

/*
 * Starts a run at Sage over the next chunk of a reprocess run (contract 10), or ends the run when no chunk is left. The
 * chunk is stored in its row before the request, so a repeat requests the same one: a lost answer costs one run at Sage
 * whose result is not read. Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried); Obsolete. A refusal
 * is not a failure: it ends the run with its reason.
 */

export interface StartReprocessChunkInput {
  readonly reprocessId: string;
}

export type StartReprocessChunkResult =
  | { readonly outcome: 'started'; readonly pollAfterMs: number }
  | ReprocessOver;

export function sageStartReprocessChunk(deps: SageBankingDeps) {
  return async (input: StartReprocessChunkInput): Promise<StartReprocessChunkResult> => {
    const { reprocessId } = input;
    const reprocess = await chooseChunk(deps.pool, {
      reprocessId,
      transactionsMax: reprocessTransactionsMax,
    });
    if (reprocess === null) throw new Obsolete('the reprocess run does not exist');
    if (reprocess.state !== 'running') return { outcome: 'over', state: reprocess.state };
    const { chunkIds, pollPeriodMs } = reprocess;
    if (chunkIds === null) throw new Error('a running reprocess has no chunk');
    if (pollPeriodMs !== null) return { outcome: 'started', pollAfterMs: pollPeriodMs };
    if (reprocess.ageMs > sageReprocessLimits.runMaxMs) {
      return await endReprocess(deps, { reprocessId, reason: 'reprocess_took_too_long', message: null });
    }
    const { sage, account, access } = await accountAccess(deps, reprocess);
    if (account.status === 'cancelled') {
      return await endReprocess(deps, { reprocessId, reason: 'reprocess_account_cancelled', message: null });
    }
    try {
      const started = await sage.client.startReprocess({
        access,
        bankAccountId: account.bankAccountId,
        transactionIds: chunkIds,
        signal: cancellationSignal(),
      });
      const pollRouteSealed = seal(deps.keyring, started.pollRoute, {
        table: 'sage_reprocesses',
        row: reprocessId,
      });
      await storeChunkRoute(deps.pool, { ...started, reprocessId, chunkIds, pollRouteSealed });
      return { outcome: 'started', pollAfterMs: started.pollPeriodMs };
    } catch (error) {
      return await endRefusedReprocess(deps, { reprocessId, error });
    }
  };
}
