import { log } from '@temporalio/activity';
import type { DbChannels } from '../db/channel.js';
import { reviewAlerts } from '../db/alerts.js';
import { announceAlerts, type AlertReporter } from '../db/announce-alerts.js';
import { loggableError } from '../logger.js';
import type { ActivityChannels } from './channel.js';
import type { SharedDeps } from './deps.js';
import { whileHeartbeating } from './while-heartbeating.js';

/*
 * Raises and ends alerts from what the rows say now, and writes one log line for each beginning and end. A repeat is
 * safe: a condition that has its alert gets no second one. Each channel first probes what only a request can clear,
 * such as rejected credentials, so that the alert ends even when nothing is to be sent. The lines are written inside
 * the transaction that marks them as written: a line whose transaction is lost is written again, none is missed.
 */

export interface ReviewAlertsResult {
  readonly raised: number;
  readonly ended: number;
}

export function dbReviewAlerts<Deps extends SharedDeps>(
  deps: Deps,
  { channels, dbChannels }: { channels: ActivityChannels<Deps>; dbChannels: DbChannels },
) {
  return async (): Promise<ReviewAlertsResult> =>
    await whileHeartbeating(async () => {
      for (const channel of Object.values(channels)) await channel.beforeAlertReview?.(deps);
      const { feedSyncIntervalMs } = deps.settings;
      const configured = Object.values(channels).filter((channel) => channel.isConfigured(deps));
      const unreviewed = await reviewAlerts(deps.pool, dbChannels, {
        feedSyncIntervalMs,
        configuredChannels: configured.map(({ id }) => id),
      });
      for (const { code, error } of unreviewed) {
        log.error('alerts of a code not reviewed', { code, error: loggableError(error) });
      }
      const announced = await announceAlerts(deps.pool, reporter);
      const first = unreviewed[0];
      // The alerts of the other codes are announced; then the attempt fails and is retried.
      if (first !== undefined) throw first.error;
      return announced;
    });
}

const reporter: AlertReporter = {
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
