import { z } from 'zod';
import { degradedParts, type Degraded, type WorkerProcessState } from '../domain/degraded.js';
import type { Queryable } from './pool.js';

/** A worker writes its row this often. */
export const workerSeenEveryMs = 10_000;
/** One that was not seen for this long has ended, or cannot reach the database. */
const seenWithinMs = 45_000;
/** Rows of workers that ended without deleting theirs. */
const keptMs = 24 * 3_600_000;
/** More workers than this are not shown one by one. */
const workersMax = 500;

/** Writes what a worker process says about itself. Safe to repeat. */
export async function writeWorkerProcess(
  db: Queryable,
  input: { workerId: string; state: WorkerProcessState },
): Promise<void> {
  await db.query(
    `INSERT INTO worker_processes (worker_id, state) VALUES ($1, $2)
     ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), state = excluded.state`,
    [input.workerId, JSON.stringify(input.state)],
  );
}

export async function deleteWorkerProcess(db: Queryable, input: { workerId: string }): Promise<void> {
  await db.query('DELETE FROM worker_processes WHERE worker_id = $1', [input.workerId]);
}

/** Answers how many. */
export async function deleteOldWorkerProcesses(db: Queryable): Promise<number> {
  const { rowCount } = await db.query(
    `DELETE FROM worker_processes WHERE seen_at < now() - $1 * interval '1 millisecond'`,
    [keptMs],
  );
  return rowCount ?? 0;
}

/** A newer version may write parts that this one does not know: those are left out. */
const degradedShape = z.object({
  part: z.enum(degradedParts),
  code: z.string().optional(),
  cause: z.string(),
});
const stateShape = z.object({ version: z.string(), degraded: z.array(z.unknown()) });

export interface WorkerProcess {
  readonly workerId: string;
  readonly version: string;
  readonly degraded: readonly Degraded[];
}

/** The workers that run now. */
export async function readWorkerProcesses(db: Queryable): Promise<WorkerProcess[]> {
  const { rows } = await db.query<{ worker_id: string; state: unknown }>(
    `SELECT worker_id, state FROM worker_processes WHERE seen_at > now() - $1 * interval '1 millisecond'
      ORDER BY worker_id LIMIT ${workersMax}`,
    [seenWithinMs],
  );
  return rows.flatMap(({ worker_id: workerId, state }) => {
    const read = stateShape.safeParse(state);
    if (!read.success) return [];
    const degraded = read.data.degraded.flatMap((item) => {
      const known = degradedShape.safeParse(item);
      return known.success ? [known.data] : [];
    });
    return [{ workerId, version: read.data.version, degraded }];
  });
}
