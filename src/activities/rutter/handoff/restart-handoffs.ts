import { log } from '@temporalio/activity';
import { endHandoff } from '../../../db/rutter/handoff-progress.js';
import { listHandoffsToCheck, type HandoffToCheck } from '../../../db/rutter/handoffs.js';
import { transaction } from '../../../db/pool.js';
import { markRepairRun } from '../../../db/repair-tasks.js';
import type { RepairResult } from '../../repair-pages.js';
import { whileHeartbeating } from '../../while-heartbeating.js';
import type { RutterDeps } from '../deps.js';

/*
 * Handoffs whose workflow does not run: before the deadline it is started again and continues from the row, since a
 * customer waits; after it the row ends as expired, which clears the redirect. A repeat is safe: a start finds the
 * running workflow, and a handoff that has ended stays as it is. Limits: some hundred handoffs a run, those with the
 * earliest deadline first; the next run continues.
 */

const handoffsMax = 500;
/** A handoff that changed later than this may not have its workflow or signal yet. */
const unchangedForMs = 15_000;
/** The workflow itself records the end within this time after the deadline. */
const endsWithinMs = 60_000;

export function temporalRestartHandoffs(deps: RutterDeps) {
  return async (): Promise<RepairResult> =>
    await whileHeartbeating(async () => {
      const limits = { unchangedForMs, endsWithinMs, limit: handoffsMax };
      const handoffs = await listHandoffsToCheck(deps.pool, limits);
      const ids = handoffs.map(({ handoffId }) => handoffId).sort();
      const missing = new Set(await deps.workflows.missingHandoffs({ handoffIds: ids }));
      const lost = handoffs.filter(({ handoffId }) => missing.has(handoffId));
      for (const handoff of lost) await repair(deps, handoff);
      await markRepairRun(deps.pool, { name: 'handoffs' });
      return {
        checked: handoffs.length,
        repaired: lost.length,
        roundEnded: handoffs.length < handoffsMax,
      };
    });
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
