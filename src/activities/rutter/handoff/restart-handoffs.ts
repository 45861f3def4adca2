import { log } from '@temporalio/activity';
import { endHandoff } from '../../../db/rutter/handoff-progress.js';
import { listHandoffsToCheck, type HandoffToCheck } from '../../../db/rutter/handoffs.js';
import { transaction } from '../../../db/pool.js';
import { markRepairRun } from '../../../db/repair-tasks.js';
import type { RepairedPage, RepairResult } from '../../repair-pages.js';
import { whileHeartbeating } from '../../while-heartbeating.js';
import type { RutterDeps } from '../deps.js';

/*
 * Handoffs whose workflow does not run: before the deadline it is started again and continues from the row, since a
 * customer waits; after it the row ends as expired, which clears the redirect. A repeat is safe: a start finds the
 * running workflow, and a handoff that has ended stays as it is. Limits: some thousand handoffs, far more than open ones.
 */

const pageSize = 500;
const pagesMax = 20;
/** A handoff that changed later than this may not have its workflow or signal yet. */
const unchangedForMs = 15_000;
/** The workflow itself records the end within this time after the deadline. */
const endsWithinMs = 60_000;

export function temporalRestartHandoffs(deps: RutterDeps) {
  return async (): Promise<RepairResult> =>
    await whileHeartbeating(async () => {
      let [checked, repaired] = [0, 0];
      let afterId: string | null = null;
      for (let pages = 0; pages < pagesMax && !deps.stopping.aborted; pages += 1) {
        const page = await repairPage(deps, afterId);
        checked += page.checked;
        repaired += page.repaired;
        afterId = page.lastId;
        if (afterId === null) break;
      }
      await markRepairRun(deps.pool, { name: 'handoffs' });
      return { checked, repaired, roundEnded: afterId === null };
    });
}

async function repairPage(deps: RutterDeps, afterId: string | null): Promise<RepairedPage> {
  const limits = { unchangedForMs, endsWithinMs, afterId, limit: pageSize };
  const handoffs = await listHandoffsToCheck(deps.pool, limits);
  const handoffIds = handoffs.map(({ handoffId }) => handoffId);
  const missing = new Set(await deps.workflows.missingHandoffs({ handoffIds }));
  const lost = handoffs.filter(({ handoffId }) => missing.has(handoffId));
  for (const handoff of lost) await repair(deps, handoff);
  const lastId = handoffs.length < pageSize ? null : (handoffIds.at(-1) ?? null);
  return { lastId, checked: handoffs.length, repaired: lost.length };
}

async function repair(deps: RutterDeps, { handoffId, customerId, isOver }: HandoffToCheck): Promise<void> {
  if (isOver) {
    await transaction(deps.pool, (db) => endHandoff(db, { handoffId, state: 'expired', reason: null }));
    log.warn('a handoff without its workflow was ended', { handoffId });
    return;
  }
  await deps.workflows.loginSucceeded({ handoffId, customerId });
  log.warn('a handoff without its workflow was started again', { handoffId });
}
