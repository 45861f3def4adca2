import { log } from '@temporalio/activity';
import { dbChannels } from '../db/channels.js';
import { announceAlerts, reviewAlerts, type AlertTellers } from '../db/alerts.js';
import { loggableError } from '../logger.js';
import { requireCredentials } from './rutter/rejected-credentials.js';
import type { ActivityDeps } from './deps.js';
import { readFailure } from './failures.js';
import { whileHeartbeating } from './while-heartbeating.js';

/*
 * Raises and ends alerts from what the rows say now, and writes one log line for each beginning and end. A repeat is
 * safe: a condition that has its alert gets no second one. Refused credentials are tried here too, so that their alert
 * ends even when nobody wants to send. The lines are written inside the transaction that marks them
 * as written: one that dies in between is written again, none is lost.
 */

export interface ReviewAlertsResult {
  readonly raised: number;
  readonly ended: number;
}

export function dbReviewAlerts(deps: ActivityDeps) {
  return async (): Promise<ReviewAlertsResult> =>
    await whileHeartbeating(async () => {
      await tryRefusedCredentials(deps);
      const { feedSyncIntervalMs } = deps.settings;
      const unreviewed = await reviewAlerts(deps.pool, dbChannels, {
        feedSyncIntervalMs,
        configuredChannels: deps.sage === null ? ['rutter'] : ['rutter', 'sage-banking'],
      });
      for (const { code, error } of unreviewed) {
        log.error('alerts of a code not reviewed', { code, error: loggableError(error) });
      }
      const told = await announceAlerts(deps.pool, tellers);
      const first = unreviewed[0];
      // Told what could be told; the attempt has failed all the same, and is tried again.
      if (first !== undefined) throw first.error;
      return told;
    });
}

/** Whatever comes of it, the alerts are reviewed. */
async function tryRefusedCredentials(deps: ActivityDeps): Promise<void> {
  try {
    await requireCredentials(deps);
  } catch (error) {
    log.warn('credentials not found good', { failureType: readFailure(error).type });
  }
}

const tellers: AlertTellers = {
  raised: (alert) => {
    log.error('alert raised', { ...alert });
  },
  ended: (alert) => {
    log.info('alert ended', { ...alert });
  },
  manyRaised: (many) => {
    log.error('many alerts raised', { ...many });
  },
  manyEnded: (many) => {
    log.info('many alerts ended', { ...many });
  },
};
