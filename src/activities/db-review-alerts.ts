import { log } from '@temporalio/activity';
import { announceAlerts, reviewAlerts, type AlertRow } from '../db/alerts.js';
import type { ActivityDeps } from './deps.js';
import { whileHeartbeating } from './while-heartbeating.js';

/*
 * Raises and ends alerts from what the rows say now, and writes one log line for each beginning and end. A repeat is
 * safe: a condition that has its alert gets no second one. The lines are written inside the transaction that marks them
 * as written: one that dies in between is written again, none is lost.
 */

export interface ReviewAlertsResult {
  readonly raised: number;
  readonly ended: number;
}

export function dbReviewAlerts(deps: ActivityDeps) {
  return async (): Promise<ReviewAlertsResult> =>
    await whileHeartbeating(async () => {
      await reviewAlerts(deps.pool, { feedSyncIntervalMs: deps.settings.feedSyncIntervalMs });
      return await announceAlerts(deps.pool, { raised: tellRaised, ended: tellEnded });
    });
}

function tellRaised(alert: AlertRow): void {
  log.error('alert raised', { ...alert });
}

function tellEnded(alert: AlertRow): void {
  log.info('alert ended', { ...alert });
}
