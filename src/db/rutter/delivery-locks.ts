import type { Queryable } from '../pool.js';

/**
 * The lane of a connection: at most one batch of it is open (the database enforces that), and the lease says which
 * sender may act on it now. All times are the database's, so that no process's clock matters.
 */

/** A feed that sends may go on this long after another one of the lane has asked for its turn. */
const turnMs = 5_000;
/** A feed that asked for its turn and has not come by then (it was paused, or caught up otherwise) is forgotten. */
const wantedMs = 60_000;

export type TakenLane =
  | { readonly taken: true }
  /** `yieldTo`: the lane is free, but it is that feed's turn. Null: somebody else is sending. */
  | { readonly taken: false; readonly yieldTo: string | null };

/**
 * Takes the lease when it is free, expired or already ours, unless another feed has waited long enough for its turn.
 * Whoever is refused is noted as the next one. `leaseMs` from now on; renew it long before.
 */
export async function takeLane(
  db: Queryable,
  input: { laneId: string; holder: string; feedId: string; leaseMs: number },
): Promise<TakenLane> {
  const { rowCount } = await db.query(
    `INSERT INTO lanes (lane_id, holder, lease_until)
     VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
     ON CONFLICT (lane_id) DO UPDATE
       SET holder = EXCLUDED.holder, lease_until = EXCLUDED.lease_until,
           wanted_by = nullif(lanes.wanted_by, $4), wanted_at = CASE WHEN lanes.wanted_by <> $4 THEN lanes.wanted_at END
       WHERE (lanes.holder IS NULL OR lanes.holder = EXCLUDED.holder OR lanes.lease_until < clock_timestamp())
         AND (lanes.wanted_by IS NULL OR lanes.wanted_by = $4
              OR lanes.wanted_at NOT BETWEEN clock_timestamp() - $6 * interval '1 millisecond'
                                         AND clock_timestamp() - $5 * interval '1 millisecond')`,
    [input.laneId, input.holder, input.leaseMs, input.feedId, turnMs, wantedMs],
  );
  if (rowCount === 1) return { taken: true };
  const { rows } = await db.query<{ wanted_by: string; held: boolean }>(
    `UPDATE lanes SET
       wanted_by = CASE WHEN wanted_at > clock_timestamp() - $3 * interval '1 millisecond' THEN wanted_by ELSE $2 END,
       wanted_at = CASE WHEN wanted_at > clock_timestamp() - $3 * interval '1 millisecond' THEN wanted_at
                        ELSE clock_timestamp() END
      WHERE lane_id = $1
     RETURNING wanted_by, coalesce(holder <> $4 AND lease_until >= clock_timestamp(), false) AS held`,
    [input.laneId, input.feedId, wantedMs, input.holder],
  );
  const lane = rows[0];
  const yields = lane !== undefined && !lane.held && lane.wanted_by !== input.feedId;
  return { taken: false, yieldTo: yields ? lane.wanted_by : null };
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
