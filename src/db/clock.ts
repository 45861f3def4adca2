import type { ClockReading } from '../domain/clock-difference.js';
import type { Queryable } from './pool.js';

/** Epoch ms by the database's clock: for times that other processes will compare with theirs. */
export async function readDatabaseClock(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ now_ms: number }>(
    `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms`,
  );
  const nowMs = rows[0]?.now_ms;
  if (nowMs === undefined) throw new Error('the database did not return the time');
  return nowMs;
}

/** The database's clock between two readings of ours. */
export async function compareDatabaseClock(db: Queryable, nowMs: () => number): Promise<ClockReading> {
  const beforeMs = nowMs();
  const serverMs = await readDatabaseClock(db);
  return { beforeMs, serverMs, afterMs: nowMs() };
}
