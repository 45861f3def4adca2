import { deliveryLimits } from '../../domain/rutter/delivery-limits.js';
import type { Queryable } from '../pool.js';

/**
 * The delivery lock of a connection: at most one batch of it is open (the database enforces that), and the lease says which
 * sender may act on it now. All times are the database's, so that no process's clock matters.
 */

/**
 * A lease that ends later than this was taken before the database's clock was set back: its holder renews it with the new
 * time, or is gone.
 */
const leaseEndsWithin = `interval '${String(deliveryLimits.leaseLongestMs)} milliseconds'`;
const isRunning = `delivery_locks.lease_until BETWEEN clock_timestamp() AND clock_timestamp() + ${leaseEndsWithin}`;

export type TakenDeliveryLock =
  | { readonly taken: true }
  /** `yieldTo`: the delivery lock is free, but it is that feed's turn. Null: another sender is active. */
  | { readonly taken: false; readonly yieldTo: string | null };

/**
 * Takes the lease when it is free, expired or already ours, unless another feed has waited long enough for its turn.
 * A feed that does not get it is recorded as the next one. `leaseMs` from now on; renew it long before.
 */
export async function takeDeliveryLock(
  db: Queryable,
  input: { deliveryLockId: string; holder: string; feedId: string; leaseMs: number },
): Promise<TakenDeliveryLock> {
  const { rowCount } = await db.query(
    `INSERT INTO delivery_locks (delivery_lock_id, holder, lease_until)
     VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
     ON CONFLICT (delivery_lock_id) DO UPDATE
       SET holder = EXCLUDED.holder, lease_until = EXCLUDED.lease_until,
           waiting_feed_id = nullif(delivery_locks.waiting_feed_id, $4), waiting_since = CASE WHEN delivery_locks.waiting_feed_id <> $4 THEN delivery_locks.waiting_since END
       WHERE (delivery_locks.holder IS NULL OR delivery_locks.holder = EXCLUDED.holder OR NOT (${isRunning}))
         AND (delivery_locks.waiting_feed_id IS NULL OR delivery_locks.waiting_feed_id = $4
              OR delivery_locks.waiting_since NOT BETWEEN clock_timestamp() - $6 * interval '1 millisecond'
                                         AND clock_timestamp() - $5 * interval '1 millisecond')`,
    [
      input.deliveryLockId,
      input.holder,
      input.leaseMs,
      input.feedId,
      deliveryLimits.turnMs,
      deliveryLimits.waitingFeedMs,
    ],
  );
  if (rowCount === 1) return { taken: true };
  const { rows } = await db.query<{ waiting_feed_id: string; held: boolean }>(
    `UPDATE delivery_locks SET
       waiting_feed_id = CASE WHEN waiting_since > clock_timestamp() - $3 * interval '1 millisecond' THEN waiting_feed_id ELSE $2 END,
       waiting_since = CASE WHEN waiting_since > clock_timestamp() - $3 * interval '1 millisecond' THEN waiting_since
                        ELSE clock_timestamp() END
      WHERE delivery_lock_id = $1
     RETURNING waiting_feed_id, coalesce(holder <> $4 AND ${isRunning}, false) AS held`,
    [input.deliveryLockId, input.feedId, deliveryLimits.waitingFeedMs, input.holder],
  );
  const lock = rows[0];
  const yields = lock !== undefined && !lock.held && lock.waiting_feed_id !== input.feedId;
  return { taken: false, yieldTo: yields ? lock.waiting_feed_id : null };
}

/** Renews a lease that is still ours and still valid. Answers false when it is lost: then nothing may be sent. */
export async function renewDeliveryLock(
  db: Queryable,
  input: { deliveryLockId: string; holder: string; leaseMs: number },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE delivery_locks SET lease_until = clock_timestamp() + $3 * interval '1 millisecond'
      WHERE delivery_lock_id = $1 AND holder = $2 AND lease_until >= clock_timestamp()`,
    [input.deliveryLockId, input.holder, input.leaseMs],
  );
  return rowCount === 1;
}

/** Locks the lease for this transaction. Answers false when it is not ours or has run out. */
export async function holdDeliveryLock(
  db: Queryable,
  input: { deliveryLockId: string; holder: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT 1 FROM delivery_locks WHERE delivery_lock_id = $1 AND holder = $2 AND lease_until >= clock_timestamp() FOR UPDATE`,
    [input.deliveryLockId, input.holder],
  );
  return rowCount === 1;
}

/** Releases the lease; harmless when it was lost. */
export async function releaseDeliveryLock(
  db: Queryable,
  input: { deliveryLockId: string; holder: string },
): Promise<void> {
  await db.query(
    `UPDATE delivery_locks SET holder = NULL, lease_until = NULL WHERE delivery_lock_id = $1 AND holder = $2`,
    [input.deliveryLockId, input.holder],
  );
}

/** The feed whose batch is open under the lock; null: none is. */
export async function readFeedOfOpenBatch(
  db: Queryable,
  input: { deliveryLockId: string },
): Promise<string | null> {
  const { rows } = await db.query<{ feed_id: string }>(
    `SELECT feed_id FROM batches WHERE delivery_lock_id = $1 AND state = 'open'`,
    [input.deliveryLockId],
  );
  return rows[0]?.feed_id ?? null;
}
