import type { Queryable } from './pool.js';

/**
 * The tasks of the repair job: `alerts`, and those that the channels name (`DbChannel.repairTasks`). Each goes through
 * its rows page by page, round after round.
 */

/** The position where a run of a task begins. */
export interface RepairPosition {
  /** It continues after this id; null at the beginning of a round. */
  readonly cursorId: string | null;
  /** Now, by the database's clock. */
  readonly startedAt: string;
}

export async function readRepairPosition(db: Queryable, input: { name: string }): Promise<RepairPosition> {
  const { rows } = await db.query<{ cursor_id: string | null; started_at: string }>(
    `SELECT cursor_id, clock_timestamp() AS started_at FROM repair_tasks WHERE name = $1`,
    [input.name],
  );
  const row = rows[0];
  if (row === undefined) throw new Error(`there is no repair task ${input.name}`);
  return { cursorId: row.cursor_id, startedAt: row.started_at };
}

/**
 * A page is done: the next one begins after `cursorId`; null ends the round. `roundBeganAt` is given with the
 * first page of a round. A page may be checked twice if its run dies here, which is harmless.
 */
export async function moveRepairPosition(
  db: Queryable,
  input: { name: string; roundBeganAt: string | null; cursorId: string | null },
): Promise<void> {
  await db.query(
    `UPDATE repair_tasks SET
       cursor_id = $3, ran_at = now(), round_began_at = coalesce($2, round_began_at),
       whole_round_began_at = CASE WHEN $3::uuid IS NULL THEN coalesce($2, round_began_at) ELSE whole_round_began_at END
     WHERE name = $1`,
    [input.name, input.roundBeganAt, input.cursorId],
  );
}

/** One run at a time of a repair task without a cursor: others wait until the transaction ends. */
export async function lockRepairTask(db: Queryable, input: { name: string }): Promise<void> {
  await db.query(`SELECT 1 FROM repair_tasks WHERE name = $1 FOR UPDATE`, [input.name]);
}

/** A repair task without a cursor has run. */
export async function markRepairRun(db: Queryable, input: { name: string }): Promise<void> {
  await db.query(`UPDATE repair_tasks SET ran_at = now() WHERE name = $1`, [input.name]);
}

/** Seconds since the last run of the repair task that is furthest behind. */
export async function readRepairAge(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ age: number }>(
    `SELECT extract(epoch FROM now() - min(ran_at))::float8 AS age FROM repair_tasks`,
  );
  return rows[0]?.age ?? 0;
}
