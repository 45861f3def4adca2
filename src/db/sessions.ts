import type { Queryable } from './pool.js';

/**
 * Browser sessions. Their end is decided by the database's clock alone: the processes that serve one browser may have
 * different times.
 */

const deletedAtOnceMax = 5_000;
const lifetime = `$2::float8 * interval '1 second'`;

/** What is stored of a session; null when there is none, or it has ended. */
export async function readSession(db: Queryable, input: { sessionId: string }): Promise<unknown> {
  const { rows } = await db.query<{ sess: unknown }>(
    `SELECT sess FROM sessions WHERE sid = $1 AND expire > clock_timestamp()`,
    [input.sessionId],
  );
  return rows[0]?.sess ?? null;
}

/** Stores a session, which ends after `lifetimeSeconds` unless it is stored or extended again. */
export async function writeSession(
  db: Queryable,
  input: { sessionId: string; lifetimeSeconds: number; content: unknown },
): Promise<void> {
  await db.query(
    `INSERT INTO sessions (sid, expire, sess) VALUES ($1, clock_timestamp() + ${lifetime}, $3)
     ON CONFLICT (sid) DO UPDATE SET sess = excluded.sess, expire = excluded.expire`,
    [input.sessionId, input.lifetimeSeconds, JSON.stringify(input.content)],
  );
}

export async function extendSession(
  db: Queryable,
  input: { sessionId: string; lifetimeSeconds: number },
): Promise<void> {
  await db.query(`UPDATE sessions SET expire = clock_timestamp() + ${lifetime} WHERE sid = $1`, [
    input.sessionId,
    input.lifetimeSeconds,
  ]);
}

export async function deleteSession(db: Queryable, input: { sessionId: string }): Promise<void> {
  await db.query(`DELETE FROM sessions WHERE sid = $1`, [input.sessionId]);
}

/** Deletes some sessions that have ended; answers how many. */
export async function deleteEndedSessions(db: Queryable): Promise<number> {
  const { rowCount } = await db.query(
    `DELETE FROM sessions WHERE sid IN (
       SELECT sid FROM sessions WHERE expire < clock_timestamp() LIMIT ${deletedAtOnceMax})`,
  );
  return rowCount ?? 0;
}
