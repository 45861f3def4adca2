import { renewDeliveryLock } from '../../../db/rutter/delivery-locks.js';
import type { Pool } from '../../../db/pool.js';
import { limits } from '../../../domain/limits.js';

/**
 * Keeps the lease of a delivery lock alive while a batch is worked on. A failed renewal is no alarm by itself (the database
 * may be away for a second); a lost one is noticed again where it counts: in the transactions that need the lease.
 */
export async function whileHoldingDeliveryLock<T>(
  input: { pool: Pool; deliveryLockId: string; holder: string },
  work: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(() => {
    renewDeliveryLock(input.pool, { ...input, leaseMs: limits.deliveryLeaseMs }).catch(() => undefined);
  }, limits.deliveryLeaseRenewMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
