import { renewDeliveryLock } from '../../../db/rutter/delivery-locks.js';
import type { Pool } from '../../../db/pool.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';

/**
 * Keeps the lease of a delivery lock alive while a batch is worked on. A failed renewal is no alarm by itself (the database
 * may be away for a second); a lost one is noticed again where it counts: in the transactions that need the lease.
 */
export async function whileHoldingDeliveryLock<T>(
  input: { pool: Pool; deliveryLockId: string; holder: string },
  work: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(() => {
    renewDeliveryLock(input.pool, { ...input, leaseMs: deliveryLimits.leaseMs }).catch(() => undefined);
  }, deliveryLimits.leaseRenewMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
