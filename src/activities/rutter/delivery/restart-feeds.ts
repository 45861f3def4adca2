import pLimit from 'p-limit';
import { raiseMissing } from '../../../db/alerts.js';
import { listFeedsToCheck } from '../../../db/rutter/repair-views.js';
import type { RutterDeps } from '../deps.js';
import { repairPages, type RepairResult, type RepairedPage } from '../../repair-pages.js';

/*
 * Restarts feeds whose workflow is missing (terminated by hand, lost with Temporal's database) from their rows. A
 * repeat is safe: a signal to a running feed only causes a check. Limits: a page is one list and one request for each
 * workflow that is not in it; a million feeds are checked within ten minutes; an empty Temporal is filled with
 * `restartsMax` feeds a minute.
 */

const pageSize = 1_000;
const pagesMax = 100;
const restartsMax = 2_000;
const signalsAtOnce = 20;

export function temporalRestartFeeds(deps: RutterDeps) {
  return async (): Promise<RepairResult> =>
    await repairPages(deps, {
      name: 'feeds',
      pagesMax,
      repairsMax: restartsMax,
      page: (afterId) => restartPage(deps, afterId),
    });
}

async function restartPage(deps: RutterDeps, afterId: string | null): Promise<RepairedPage> {
  const feeds = await listFeedsToCheck(deps.pool, { afterId, limit: pageSize });
  const missing = new Set(await deps.workflows.missingFeeds({ feedIds: feeds.map(({ feedId }) => feedId) }));
  const lost = feeds.filter(({ feedId }) => missing.has(feedId));
  // Recorded first: if the run stops in between, the record names what the next run repairs.
  await raiseMissing(
    deps.pool,
    lost.map((feed) => ({ subject: feed.feedId, ...feed })),
  );
  await pLimit(signalsAtOnce).map(lost, ({ feedId }) => deps.workflows.feedFactsChanged({ feedId }));
  const lastId = feeds.length < pageSize ? null : (feeds.at(-1)?.feedId ?? null);
  return { lastId, checked: feeds.length, repaired: lost.length };
}
