import { renewLane } from '../../../db/rutter/delivery-locks.js';
import type { Pool } from '../../../db/pool.js';
import { limits } from '../../../domain/limits.js';

/**
 * Keeps the lease of a lane alive while a batch is worked on. A failed renewal is no alarm by itself (the database
 * may be away for a second); a lost one is noticed again where it counts: in the transactions that need the lease.
 */
export async function whileHoldingLane<T>(
  input: { pool: Pool; laneId: string; holder: string },
  work: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(() => {
    renewLane(input.pool, { ...input, leaseMs: limits.laneLeaseMs }).catch(() => undefined);
  }, limits.laneLeaseRenewMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
