import { renewDeliveryLock } from '../../../db/rutter/delivery-locks.js';
import type { Pool } from '../../../db/pool.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';

/**
 * Renews the lease of a delivery lock while a batch is worked on. A failed renewal is ignored (the database may be away
 * for a second): every transaction that needs the lease checks it again.
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
