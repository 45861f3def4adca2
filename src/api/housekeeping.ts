import { deleteOldAlerts } from '../db/alerts.js';
import type { Pool } from '../db/pool.js';
import type { DbChannels } from '../db/channel.js';
import { deleteExpiredKeys } from '../db/idempotency-keys.js';
import type { Logger } from '../logger.js';

const intervalMs = 10 * 60_000;
/** Rounds of deleting in one go; what is left waits for the next. */
const roundsMax = 20;

/** Deletes idempotency keys, ended alerts and what each channel no longer needs, every ten minutes. Answers how to stop it. */
export function startHousekeeping(input: { pool: Pool; channels: DbChannels; logger: Logger }): () => void {
  const timer = setInterval(() => void tidy(input), intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

async function tidy(input: { pool: Pool; channels: DbChannels; logger: Logger }): Promise<void> {
  try {
    for (let round = 0; round < roundsMax; round += 1) {
      let deleted = (await deleteExpiredKeys(input.pool)) + (await deleteOldAlerts(input.pool));
      for (const channel of Object.values(input.channels)) deleted += await channel.deleteOldRows(input.pool);
      if (deleted === 0) return;
    }
  } catch (error) {
    input.logger.warn({ err: error }, 'housekeeping put off');
  }
}
