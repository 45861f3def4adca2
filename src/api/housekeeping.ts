import { deleteOldAlerts } from '../db/alerts.js';
import type { Pool } from '../db/pool.js';
import { deleteOldHandoffs } from '../db/rutter/handoffs.js';
import { deleteExpiredKeys } from '../db/idempotency-keys.js';
import { deleteOldReadings } from '../db/sage-banking/commands.js';
import { deleteOldWebhooks } from '../db/rutter/webhooks.js';
import type { Logger } from '../logger.js';

const intervalMs = 10 * 60_000;
/** Rounds of deleting in one go; what is left waits for the next. */
const roundsMax = 20;

/** Removes idempotency keys, webhook notes, handoffs, ended alerts and answers that were only read past their time, now and then. Answers how to stop it. */
export function startHousekeeping(input: { pool: Pool; logger: Logger }): () => void {
  const timer = setInterval(() => void tidy(input), intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

async function tidy(input: { pool: Pool; logger: Logger }): Promise<void> {
  try {
    for (let round = 0; round < roundsMax; round += 1) {
      const deleted =
        (await deleteExpiredKeys(input.pool)) +
        (await deleteOldWebhooks(input.pool)) +
        (await deleteOldHandoffs(input.pool)) +
        (await deleteOldAlerts(input.pool)) +
        (await deleteOldReadings(input.pool));
      if (deleted === 0) return;
    }
  } catch (error) {
    input.logger.warn({ err: error }, 'housekeeping put off');
  }
}
