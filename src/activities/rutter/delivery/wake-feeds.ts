import pLimit from 'p-limit';
import { listFeedsOwedALook, listUnheardFeeds, markSwept } from '../../../db/rutter/repair-views.js';
import type { ActivityDeps } from '../../deps.js';
import { sweepPages, type SweepResult, type SweptPage } from '../../repair-pages.js';

/*
 * A signal can be lost: the process died after its commit, or Temporal was away. Feeds with a posting that no slice has
 * looked at, and feeds that are owed a look, are signalled again. A repeat is safe, a signal too many is one look too
 * many; and none is repeated within ten minutes, so that a feed which waits its turn is not filled with signals.
 */

const pageSize = 5_000;
/** 300,000 feeds a run, some six seconds of the database's time; a million in four minutes. */
const pagesMax = 60;
const wakesMax = 5_000;
const owedMax = 1_000;
const signalsAtOnce = 20;

export function temporalWakeFeeds(deps: ActivityDeps) {
  return async (): Promise<SweepResult> => {
    const owed = await wakeOwed(deps);
    const unheard = await sweepPages(deps, {
      name: 'wakes',
      pagesMax,
      repairsMax: wakesMax,
      page: (afterId) => wakePage(deps, afterId),
    });
    return { ...unheard, repaired: unheard.repaired + owed };
  };
}

async function wakeOwed({ pool, workflows }: ActivityDeps): Promise<number> {
  const feedIds = await listFeedsOwedALook(pool, { limit: owedMax });
  await pLimit(signalsAtOnce).map(feedIds, (feedId) => workflows.feedFactsChanged({ feedId }));
  // After the signals: what was not signalled is found again at once.
  await markSwept(pool, { feedIds });
  return feedIds.length;
}

async function wakePage({ pool, workflows }: ActivityDeps, afterId: string | null): Promise<SweptPage> {
  const { feedIds, looked, lastId } = await listUnheardFeeds(pool, { afterId, limit: pageSize });
  await pLimit(signalsAtOnce).map(feedIds, (feedId) => workflows.feedFactsChanged({ feedId }));
  await markSwept(pool, { feedIds });
  return { lastId, looked, repaired: feedIds.length };
}
