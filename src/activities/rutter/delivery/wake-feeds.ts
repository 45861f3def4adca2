import pLimit from 'p-limit';
import {
  listFeedsWithRequestedCheck,
  listUnwokenFeeds,
  markRepairSignaled,
} from '../../../db/rutter/repair-views.js';
import type { RutterDeps } from '../deps.js';
import { repairPages, type RepairResult, type RepairedPage } from '../../repair-pages.js';

/*
 * A signal can be lost: the process died after its commit, or Temporal was unavailable. Feeds with a posting that no
 * delivery run has seen, and feeds with a requested check, are signaled again. A repeat is safe: a signal too many is
 * one check too many. A feed is signaled at most every ten minutes, so that a waiting feed does not collect signals.
 */

const pageSize = 5_000;
/** 300,000 feeds a run, some six seconds of the database's time; a million in four minutes. */
const pagesMax = 60;
const wakesMax = 5_000;
const requestedMax = 1_000;
const signalsAtOnce = 20;

export function temporalWakeFeeds(deps: RutterDeps) {
  return async (): Promise<RepairResult> => {
    const requested = await wakeRequested(deps);
    const unwoken = await repairPages(deps, {
      name: 'wakes',
      pagesMax,
      repairsMax: wakesMax,
      page: (afterId) => wakePage(deps, afterId),
    });
    return { ...unwoken, repaired: unwoken.repaired + requested };
  };
}

async function wakeRequested({ pool, workflows }: RutterDeps): Promise<number> {
  const feedIds = await listFeedsWithRequestedCheck(pool, { limit: requestedMax });
  await pLimit(signalsAtOnce).map(feedIds, (feedId) => workflows.feedFactsChanged({ feedId }));
  // After the signals: what was not signaled is found again at once.
  await markRepairSignaled(pool, { feedIds });
  return feedIds.length;
}

async function wakePage({ pool, workflows }: RutterDeps, afterId: string | null): Promise<RepairedPage> {
  const { feedIds, checked, lastId } = await listUnwokenFeeds(pool, { afterId, limit: pageSize });
  await pLimit(signalsAtOnce).map(feedIds, (feedId) => workflows.feedFactsChanged({ feedId }));
  await markRepairSignaled(pool, { feedIds });
  return { lastId, checked, repaired: feedIds.length };
}
