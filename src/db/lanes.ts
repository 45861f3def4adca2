import type { Queryable } from './pool.js';

/**
 * The lane of a connection: at most one batch of it is open (the database enforces that), and the lease says which
 * sender may act on it now. All times are the database's, so that no process's clock matters.
 */

/**
 * Takes the lease when it is free, expired or already ours. Answers whether we hold it now.
 * `leaseMs` from now on; renew it long before.
 */
export async function takeLane(
  db: Queryable,
  input: { laneId: string; holder: string; leaseMs: number },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO lanes (lane_id, holder, lease_until)
     VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
     ON CONFLICT (lane_id) DO UPDATE
       SET holder = EXCLUDED.holder, lease_until = EXCLUDED.lease_until
       WHERE lanes.holder IS NULL OR lanes.holder = EXCLUDED.holder OR lanes.lease_until < clock_timestamp()`,
    [input.laneId, input.holder, input.leaseMs],
  );
  return rowCount === 1;
}

/** Prolongs a lease that is still ours and still valid. Answers false when it is lost: then nothing may be sent. */
export async function renewLane(
  db: Queryable,
  input: { laneId: string; holder: string; leaseMs: number },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE lanes SET lease_until = clock_timestamp() + $3 * interval '1 millisecond'
      WHERE lane_id = $1 AND holder = $2 AND lease_until >= clock_timestamp()`,
    [input.laneId, input.holder, input.leaseMs],
  );
  return rowCount === 1;
}

/** Locks the lease for this transaction. Answers false when it is not ours or has run out. */
export async function holdLane(db: Queryable, input: { laneId: string; holder: string }): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT 1 FROM lanes WHERE lane_id = $1 AND holder = $2 AND lease_until >= clock_timestamp() FOR UPDATE`,
    [input.laneId, input.holder],
  );
  return rowCount === 1;
}

/** Gives the lease back; harmless when it was lost. */
export async function releaseLane(db: Queryable, input: { laneId: string; holder: string }): Promise<void> {
  await db.query(`UPDATE lanes SET holder = NULL, lease_until = NULL WHERE lane_id = $1 AND holder = $2`, [
    input.laneId,
    input.holder,
  ]);
}
