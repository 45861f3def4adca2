import { setTimeout as sleep } from 'node:timers/promises';
import {
  endRestoreRepair,
  renewRestoreRepair,
  repairRenewedEveryMs,
  takeRestoreRepair,
  type DatabaseRestore,
} from '../../db/database-mark.js';
import type { Pool } from '../../db/pool.js';

/**
 * Runs the repair of a found restore in one process at a time: `repair` records its own end, and its lease is renewed
 * meanwhile. When it fails, another process may try it at once. Answers null when there is none to do, or another process
 * is doing it.
 *
 * @throws what `repair` throws
 */
export async function holdRestoreRepair<Report>(
  pool: Pool,
  input: {
    repair: (lost: DatabaseRestore) => Promise<Report>;
    /** For tests; {@link repairRenewedEveryMs} by default. */
    renewedEveryMs?: number;
  },
): Promise<Report | null> {
  const { repair, renewedEveryMs = repairRenewedEveryMs } = input;
  const lost = await takeRestoreRepair(pool);
  if (lost === null) return null;
  const ended = new AbortController();
  const renewing = renewUntil(ended.signal, { pool, renewedEveryMs });
  try {
    return await repair(lost);
  } catch (error) {
    await endRestoreRepair(pool, { done: false }).catch(() => undefined);
    throw error;
  } finally {
    ended.abort();
    await renewing;
  }
}

async function renewUntil(
  ended: AbortSignal,
  { pool, renewedEveryMs }: { pool: Pool; renewedEveryMs: number },
): Promise<void> {
  const elapsed = (): Promise<boolean> => sleep(renewedEveryMs, true, { signal: ended }).catch(() => false);
  // One that fails is made up for by the next.
  while (await elapsed()) await renewRestoreRepair(pool).catch(() => undefined);
}
