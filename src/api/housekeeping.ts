import { deleteOldAlerts } from '../db/alerts.js';
import type { DbChannels } from '../db/channel.js';
import { deleteExpiredKeys } from '../db/idempotency-keys.js';
import { deleteOldRejectedItems } from '../db/rejected-items.js';
import { deleteEndedSessions } from '../db/sessions.js';
import { deleteOldWorkerProcesses } from '../db/worker-processes.js';
import type { Pool } from '../db/pool.js';
import type { Logger } from '../logger.js';

const intervalMs = 10 * 60_000;
/** Rounds of deletion at a time; the next interval deletes the rest. */
const roundsMax = 20;

interface Housekeeping {
  readonly pool: Pool;
  readonly channels: DbChannels;
  readonly logger: Logger;
}

/**
 * Deletes rows past their time every ten minutes: idempotency keys, ended alerts, rejected items, ended sessions and workers, and the rows of each channel. Answers
 * a function that stops it.
 */
export function startHousekeeping(input: Housekeeping): () => void {
  const timer = setInterval(() => void deleteOldRows(input), intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

async function deleteOldRows({ pool, channels, logger }: Housekeeping): Promise<void> {
  try {
    for (let round = 0; round < roundsMax; round += 1) {
      let deleted =
        (await deleteExpiredKeys(pool)) +
        (await deleteOldAlerts(pool)) +
        (await deleteOldRejectedItems(pool)) +
        (await deleteEndedSessions(pool)) +
        (await deleteOldWorkerProcesses(pool));
      for (const channel of Object.values(channels)) deleted += await channel.deleteOldRows(pool);
      if (deleted === 0) return;
    }
  } catch (error) {
    logger.warn({ err: error }, 'housekeeping postponed');
  }
}
