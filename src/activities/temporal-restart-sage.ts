import pLimit from 'p-limit';
import { raiseMissing } from '../db/alerts.js';
import type { Pool } from '../db/pool.js';
import { listSageAccountsToCheck } from '../db/sage-account-life.js';
import { listLinksToCheck } from '../db/sage-links.js';
import { listOnboardingsToCheck } from '../db/sage-onboardings.js';
import { listReprocessesToCheck } from '../db/sage-reprocesses.js';
import { markSweepRun } from '../db/sweeps.js';
import type { ActivityDeps, SageRoad } from './deps.js';
import { sweepPages, type SweepResult, type SweptPage } from './sweep-pages.js';
import { whileHeartbeating } from './while-heartbeating.js';

/*
 * What on the road of Sage's Banking Service lost its workflow gets it back from its row: accounts, page by page, and
 * the open onboardings, links and reprocess runs, which are few and are simply started again. A repeat is safe: a start
 * finds the one that runs, and a nudge only makes an account look. Limits: as for feeds, and `openMax` open ones of each
 * kind.
 */

const pageSize = 1_000;
const pagesMax = 100;
const restartsMax = 2_000;
const openMax = 2_000;
const callsAtOnce = 20;

export function temporalRestartSage(deps: ActivityDeps) {
  return async (): Promise<SweepResult> => {
    const road = deps.sage;
    if (road === null) {
      // Its rows are left alone while the road is closed; the sweep as a whole has run.
      await markSweepRun(deps.pool, { name: 'sage' });
      return { looked: 0, repaired: 0, roundEnded: true };
    }
    await whileHeartbeating(() => restartOpen(deps.pool, road));
    return await sweepPages(deps, {
      ...{ name: 'sage', pagesMax, repairsMax: restartsMax },
      page: (afterId) => restartPage(deps.pool, road, afterId),
    });
  };
}

async function restartOpen(pool: Pool, { workflows }: SageRoad): Promise<void> {
  const first = { afterId: null, limit: openMax };
  const onboardings = await listOnboardingsToCheck(pool, first);
  const links = await listLinksToCheck(pool, first);
  const reprocesses = await listReprocessesToCheck(pool, first);
  const limit = pLimit(callsAtOnce);
  await limit.map(onboardings, (onboardingId) => workflows.startOnboarding({ onboardingId }));
  await limit.map(links, (linkId) => workflows.startLink({ linkId }));
  await limit.map(reprocesses, (reprocessId) => workflows.startReprocess({ reprocessId }));
}

async function restartPage(pool: Pool, { workflows }: SageRoad, afterId: string | null): Promise<SweptPage> {
  const accounts = await listSageAccountsToCheck(pool, { afterId, limit: pageSize });
  const sageAccountIds = accounts.map(({ sageAccountId }) => sageAccountId);
  const missing = new Set(await workflows.missingAccounts({ sageAccountIds }));
  const lost = accounts.filter(({ sageAccountId }) => missing.has(sageAccountId));
  // Told first: a run that dies in between tells what it would have repaired, and the next one repairs it.
  await raiseMissing(
    pool,
    lost.map((account) => ({ subject: account.sageAccountId, feedId: account.sageAccountId, ...account })),
  );
  await pLimit(callsAtOnce).map(lost, ({ sageAccountId }) => workflows.nudgeAccount({ sageAccountId }));
  const lastId = accounts.length < pageSize ? null : (accounts.at(-1)?.sageAccountId ?? null);
  return { lastId, looked: accounts.length, repaired: lost.length };
}
